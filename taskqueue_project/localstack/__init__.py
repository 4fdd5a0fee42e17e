"""The embedded stack behind `manage.py up`: real servers and processes on loopback, owned by one supervisor.

Nothing here loads Django's settings: the stack is what provides them.
"""
