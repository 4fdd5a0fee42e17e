"""Requeue and discard, as letters, jobs and groups offer them. More than a hundred become one operation of the keeper."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from dlq import discard, operations, requeue
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Resolution, Verb
from dlq.operations import Plan
from dlq.resolving import Settled
from jobs.admin import verbs
from jobs.admin.verbs import Ask, Done, Field, Look
from jobs.api.shown import redacted
from jobs.domain import redaction
from jobs.domain.states import Burial, State
from jobs.intake.schema import PayloadInvalid
from jobs.models import Job

AT_ONCE = 100


class Decide(verbs.Verb):
    """Of rows that stand for letters; `verb` is the operation's."""

    verb: ClassVar[Verb]

    def letter_ids(self, rows: Sequence[Any]) -> dict[Any, UUID]:
        """Row → its open letter, for the rows that have one."""
        return {row: row.id for row in rows if row.resolution == Resolution.OPEN}

    def refusal(self, row: Any) -> str:
        return "" if row.resolution == Resolution.OPEN else f"{row.resolution} already"

    def note(self, look: Look) -> str:
        if len(look.rows) <= AT_ONCE:
            return ""
        return f"More than {AT_ONCE}: the keeper will do it as one operation, which you can watch and cancel."

    def act(self, look: Look, ask: Ask) -> Done:
        letters = self.letter_ids(look.rows)
        ids = list(letters.values())
        if len(ids) > AT_ONCE:
            plan = Plan(self.verb, LetterFilter(ids=tuple(ids)), reason=ask.reason)
            operation = operations.start(plan, actor=ask.actor, now=ask.now)
            return Done([], operation=operation, said=f"{self.label} of {len(ids)} started as an operation.")
        settled = self.decide(ids, ask)
        closed = {letter.id for letter in settled.closed}
        rows = [row for row, letter_id in letters.items() if letter_id in closed]
        return Done(rows, Counter(why.rstrip(".") for why in settled.refused.values()))

    def decide(self, ids: Sequence[UUID], ask: Ask) -> Settled:
        many = requeue.requeue_many if self.verb is Verb.REQUEUE else discard.discard_many
        return many(ids, actor=ask.actor, reason=ask.reason, now=ask.now)


class Requeue(Decide):
    name = "requeue"
    label = "Requeue"
    participle = "requeued with the full budget"
    permission = requeue.PERMISSION
    verb = Verb.REQUEUE
    explanation = "The job runs again under its id, with its full budget of attempts."

    def refusal(self, row: Any) -> str:
        if row.resolution == Resolution.OPEN and row.reason == Burial.UNDECODABLE:
            return "of a message that nobody can read: discard it"
        return super().refusal(row)


class Discard(Decide):
    name = "discard"
    label = "Discard"
    participle = "discarded"
    permission = discard.PERMISSION
    verb = Verb.DISCARD
    explanation = "The job stays dead and will not run again; retention may take it."
    is_danger = True


class RequeueEdited(Requeue):
    """One letter, with another payload; what is redacted on the page stays as it is in the row."""

    name = "requeue-edited"
    label = "Requeue edited"
    also_needs = "jobs.view_payload"
    for_many = False
    explanation = "The job runs again with the payload below; the letter keeps the original and the difference."

    def fields(self, look: Look) -> list[Field]:
        shown = json.dumps(redacted(self.payload_of(look)), indent=2, ensure_ascii=False) if look.rows else ""
        hint = f"{redaction.REDACTED} stands for a value that is hidden; leave it to keep that value."
        return [Field("payload", "Payload", "long", shown, hint)]

    def payload_of(self, look: Look) -> dict[str, Any]:
        return dict(DeadLetter.objects.values_list("payload", flat=True).get(id=self._only(look)))

    def act(self, look: Look, ask: Ask) -> Done:
        letter_id, task = self._only(look), look.rows[0].task
        payload = redaction.restore(_read(ask.given.get("payload", ""), task), self.payload_of(look))
        requeue.requeue(letter_id, actor=ask.actor, reason=ask.reason, payload=payload, now=ask.now)
        return Done(look.rows)

    def _only(self, look: Look) -> UUID:
        return next(iter(self.letter_ids(look.rows).values()))


class OfJobs(verbs.Verb):
    """The rows are jobs; their open letters are looked up at once."""

    def letter_ids(self, rows: Sequence[Job]) -> dict[Any, UUID]:
        found: dict[UUID, UUID] = {}
        for start in range(0, len(rows), 500):
            ids = [job.id for job in rows[start : start + 500]]
            letters = DeadLetter.objects.filter(job__in=ids, resolution=Resolution.OPEN)
            found.update(letters.values_list("job_id", "id"))
        return {job: found[job.id] for job in rows if job.id in found}

    def refusal(self, row: Any) -> str:
        return "" if row.state == State.DEAD else f"{row.state}, not dead"

    def look(self, rows: Sequence[Job]) -> Look:
        look = super().look(rows)
        letters = self.letter_ids(look.rows)
        if closed := len(look.rows) - len(letters):
            look.refused["discarded already"] += closed
        look.rows = [job for job in look.rows if job in letters]
        return look


class RequeueJobs(OfJobs, Requeue):
    pass


class RequeueJobEdited(OfJobs, RequeueEdited):
    pass


class DiscardJobs(OfJobs, Discard):
    pass


class OfGroup(Decide):
    """The row is one group: all its open letters, as one operation."""

    for_many = False

    def refusal(self, row: Any) -> str:
        return "" if row.open else "without an open letter"

    def note(self, look: Look) -> str:
        return f"{look.rows[0].open} open letters: the keeper will do it as one operation." if look.rows else ""

    def act(self, look: Look, ask: Ask) -> Done:
        plan = Plan(self.verb, LetterFilter(fingerprint=look.rows[0].fingerprint), reason=ask.reason)
        operation = operations.start(plan, actor=ask.actor, now=ask.now)
        return Done([], operation=operation, said=f"{self.label} of {operation.matched} letters started.")


class RequeueGroup(OfGroup):
    name = "requeue"
    label = "Requeue all"
    participle = "requeued"
    permission = requeue.PERMISSION
    verb = Verb.REQUEUE
    explanation = "Every job that died of this error and is still open runs again, with its full budget."


class DiscardGroup(OfGroup):
    name = "discard"
    label = "Discard all"
    participle = "discarded"
    permission = discard.PERMISSION
    verb = Verb.DISCARD
    explanation = "Every job that died of this error and is still open stays dead and will not run again."
    is_danger = True


def _read(text: str, task: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise PayloadInvalid(task, {"payload": ["This is no JSON."]}) from None
    if not isinstance(found, dict):
        raise PayloadInvalid(task, {"payload": ["Give a JSON object."]})
    return found
