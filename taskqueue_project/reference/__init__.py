"""Pages of docs/ that are read off the code: the settings and the commands."""
