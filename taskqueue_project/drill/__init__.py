"""The fire drill: a stack's own processes are killed under load, then every job has to be accounted for."""
