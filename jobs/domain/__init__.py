"""The rules, in pure Python: no clock, no I/O, no framework. Everything else asks here what may happen."""
