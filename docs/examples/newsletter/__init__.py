"""A small app that knows Django's own tasks and nothing else: no line of it names the queue that runs it."""
