"""Cancel, as jobs offer it."""

from collections import Counter
from typing import Any

from jobs.admin.verbs import Ask, Done, Look, Verb
from jobs.control import cancelling
from jobs.control.cancelling import CANCEL_MAX
from jobs.models import Job


class Cancel(Verb):
    name = "cancel"
    label = "Cancel"
    participle = "cancelled or being cancelled"
    permission = "jobs.cancel_job"
    explanation = "A job that waits will never start; one that runs is stopped by its worker."
    is_danger = True

    def refusal(self, row: Job) -> str:
        if row.is_final:
            return f"{row.state} already"
        return "being cancelled already" if row.cancel_requested_at else ""

    def look(self, rows: Any) -> Look:
        look = super().look(rows)
        if (surplus := len(look.rows) - CANCEL_MAX) > 0:
            look.refused[f"beyond the {CANCEL_MAX} that one go may cancel: do it again, or purge the queue"] = surplus
            look.rows = look.rows[-CANCEL_MAX:]  # the oldest: they are the next to start
        return look

    def act(self, look: Look, ask: Ask) -> Done:
        done = cancelling.cancel_many([job.id for job in look.rows], actor=ask.actor, reason=ask.reason, now=ask.now)
        flagged = {job.id for job in done.jobs}
        return Done([job for job in look.rows if job.id in flagged], Counter(done.refused.values()))
