"""Commands that belong to the project as a whole."""
