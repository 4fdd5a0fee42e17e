"""How fast, against stock Celery on the same machine in the same run: `make bench`."""
