"""The embedded stack, part by part, with real servers, processes and signals."""
