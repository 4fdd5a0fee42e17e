"""The lifecycle as one table: (state, event) → next state. A pair that is not in it changes nothing.

`advances` is the fence: nothing said about an attempt that is already closed ever moves a job.
"""

from dataclasses import dataclass

from jobs.domain.states import WAITING, Event, State

_FROM_WAITING_OR_RUNNING = {
    Event.STARTED: State.RUNNING,
    Event.SUCCEEDED: State.SUCCEEDED,
    Event.RETRY_GRANTED: State.RETRYING,
    Event.BURIED: State.DEAD,
    Event.CANCELLED: State.CANCELLED,
}

# A waiting job takes the outcome of an attempt as a running one does: the journal may tell the end before the start.
TABLE: dict[tuple[State, Event], State] = {
    (State.SCHEDULED, Event.FELL_DUE): State.QUEUED,
    (State.RETRYING, Event.FELL_DUE): State.QUEUED,
    (State.DEAD, Event.REQUEUED): State.QUEUED,
    **{(state, Event.EXPIRED): State.EXPIRED for state in sorted(WAITING)},
    **{
        (state, event): target
        for state in sorted(WAITING | {State.RUNNING})
        for event, target in _FROM_WAITING_OR_RUNNING.items()
    },
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the fence needs of a job: its state, the highest attempt started, the highest one closed."""

    state: State
    attempt: int
    closed: int


def move(state: State, event: Event) -> State | None:
    """The next state, or None when the event means nothing in this state."""
    return TABLE.get((state, event))


def advances(standing: Standing, event: Event, attempt: int) -> bool:
    """Whether an event about this attempt may move the job at all."""
    if attempt <= standing.closed or attempt < standing.attempt:
        return False
    return not (event is Event.STARTED and standing.state is State.RUNNING and attempt == standing.attempt)


def move_on(standing: Standing, event: Event, attempt: int) -> State | None:
    """The next state after something happened to one attempt, or None when the job stays as it is.

    Word of a later attempt proves that the running one has ended with a retry, whose own word is still on its way.
    """
    if not advances(standing, event, attempt):
        return None
    is_superseded = standing.state is State.RUNNING and attempt > standing.attempt
    return move(State.RETRYING if is_superseded else standing.state, event)
