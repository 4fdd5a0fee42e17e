"""Observes only: pages and live statistics. It writes nothing; its buttons call the verbs of `jobs.control` and `dlq`."""
