"""The HTTP API: translates a request, calls one verb or query, translates the answer back. It decides nothing itself."""
