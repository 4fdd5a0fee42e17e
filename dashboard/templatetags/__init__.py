"""How numbers, times and states are written."""
