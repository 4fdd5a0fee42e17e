"""The dead letters at the command line."""
