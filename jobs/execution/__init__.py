"""Message → journalled outcome: what happens inside a Celery worker."""
