"""The dead letters' part of the HTTP API, made of the same parts as the queue's."""
