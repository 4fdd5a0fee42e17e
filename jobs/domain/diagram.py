"""Draws the lifecycle from its table, for `docs/lifecycle.md`: a picture that can't say anything else than the code."""

from jobs.domain.lifecycle import TABLE
from jobs.domain.states import CELERY_STATUS, FINAL, Event, Outcome, State

_MEANINGS: dict[State, tuple[str, str]] = {
    State.SCHEDULED: ("waits for `run_at`", "the keeper"),
    State.QUEUED: ("due; a message is, or will again be, in Redis", "a worker's claim"),
    State.RUNNING: ("an attempt is live", "its worker's journal, or the keeper's rescue"),
    State.RETRYING: ("the last attempt failed; waits for `run_at`", "the keeper"),
    State.SUCCEEDED: ("final", "–"),
    State.DEAD: ("out of retries, or not retryable; has an open dead letter", "an operator's requeue"),
    State.CANCELLED: ("final", "–"),
    State.EXPIRED: ("final; not started before `expires_at`", "–"),
}

_HEAD = """\
# The life of a job

This page is generated from the table in `jobs/domain/lifecycle.py` by `manage.py reference_docs`; `make check` fails when
it is stale. Whatever is not an arrow here changes nothing.
"""

_FENCE = """\
## The fence

An event speaks of one attempt. When that attempt is closed already, or a later one has started, the event never moves
the job: it completes the attempt's own row, or is noted there as its late outcome. So any order and any repetition of a
job's journal ends in the same rows. A waiting job takes the outcome of an attempt as a running one does, because the
journal may tell the end before the start.
"""


def render() -> str:
    return "\n".join([_HEAD, _diagram(), _states(), _transitions(), _outcomes(), _FENCE])


def _diagram() -> str:
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> scheduled: submitted, with a delay",
        "    [*] --> queued: submitted",
    ]
    lines += [f"    {source} --> {target}: {_words(event)}" for (source, event), target in _rows()]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL - {State.DEAD}]
    return "\n".join([*lines, "```", ""])


def _states() -> str:
    rows = [f"| `{s}` | {_MEANINGS[s][0]} | {_MEANINGS[s][1]} | {CELERY_STATUS[s]} |" for s in State]
    return "\n".join(
        ["## States", "", "| state | meaning | who moves it on | status in the API |", "|---|---|---|---|", *rows, ""]
    )


def _transitions() -> str:
    head = "| | " + " | ".join(_words(event) for event in Event) + " |"
    rows = [f"| `{state}` | " + " | ".join(TABLE.get((state, event), "") for event in Event) + " |" for state in State]
    return "\n".join(["## Transitions", "", head, "|---" * (len(Event) + 1) + "|", *rows, ""])


def _outcomes() -> str:
    return "\n".join(["## Outcomes of an attempt", "", ", ".join(f"`{outcome}`" for outcome in Outcome) + ".", ""])


def _rows() -> list[tuple[tuple[State, Event], State]]:
    states, events = list(State), list(Event)
    return sorted(TABLE.items(), key=lambda row: (states.index(row[0][0]), events.index(row[0][1])))


def _words(event: Event) -> str:
    return event.value.replace("_", " ")
