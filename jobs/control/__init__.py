"""What operators do to jobs and queues: each verb checks the permission, acts once, and leaves an Action row."""
