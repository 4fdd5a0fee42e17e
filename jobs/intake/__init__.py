"""Caller → committed row. Every road in ends here, and what is accepted here is never lost."""
