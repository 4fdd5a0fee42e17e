"""Tests of `manage.py verify`: a healthy world, and every way of tampering with it."""
