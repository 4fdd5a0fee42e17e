"""Everything that lives in Redis: messages, claims, the journal, heartbeats. Losing all of it loses no job."""
