"""What a worker says it runs: not an attempt of which it is still asked whether it may start."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from mmap import mmap
from types import SimpleNamespace
from uuid import uuid4

import pytest

from jobs.broker import message
from jobs.broker.taking import Taken
from jobs.execution import board, roster, turn
from jobs.execution.roster import Entry


@pytest.fixture
def given() -> Iterator[Entry]:
    headers = {"id": str(uuid4()), "attempt": 1, "v": 1, "published_at": datetime.now(UTC).isoformat(), "task": "noop"}
    delivery = message.read(headers)
    assert delivery is not None
    entry = Entry(delivery, "noop", worker="w@host", pid=os.getpid(), started_ms=0)
    roster.add(entry)
    yield entry
    roster.remove(entry.delivery.job_id)


@pytest.fixture
def slot(monkeypatch: pytest.MonkeyPatch) -> board.Cell:
    cell = board.Cell(mmap(-1, 65_536), 0, 65_536)
    monkeypatch.setattr(board, "slots", [cell])
    return cell


@pytest.fixture(params=["a process of a pool", "the worker itself"])
def _where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, slot: board.Cell) -> None:
    monkeypatch.setattr(turn, "_turn", turn._Turn(cell=slot if request.param == "a process of a pool" else None))


def request_of(entry: Entry, **more: object) -> SimpleNamespace:
    return SimpleNamespace(id=entry.delivery.job_id, attempt=entry.delivery.attempt, **more)


@pytest.mark.usefixtures("_where")
def test_an_attempt_is_run_unless_it_is_being_asked_whether_it_may_start(given: Entry) -> None:
    assert roster.everyone() == [given]
    turn.say_undecided(request_of(given))
    assert roster.everyone() == []
    assert roster.now_instead_of(given.delivery.job_id, 1) is None
    turn.say_starts(request_of(given))
    assert roster.everyone() == [given]
    assert roster.now_instead_of(given.delivery.job_id, 1) == given


@pytest.mark.usefixtures("_where")
def test_who_was_asked_about_and_is_gone_is_forgotten(given: Entry) -> None:
    turn.say_undecided(request_of(given))
    roster.remove(given.delivery.job_id)
    assert roster.everyone() == []
    assert given.delivery.job_id not in roster._held


def test_what_a_process_took_unclaimed_is_run_from_the_answer_on(
    given: Entry, slot: board.Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = turn._Turn(cell=slot, is_on=True, given=board.name_of(given.delivery.job_id, 1), hostname="w@host")
    monkeypatch.setattr(turn, "_turn", state)
    old = f'{{"headers": {{"id": "{uuid4()}", "attempt": 2, "v": 1, "task": "old", "published_at": "2026-01-01T00:00:00+00:00"}}}}'
    taken = Taken(old, "default", won_ms=None, token="t")
    request = SimpleNamespace(id=taken.message()["headers"]["id"], attempt=2, **{turn.TAKEN: taken})
    turn.take(taken)
    turn.say_undecided(request)
    assert roster.everyone() == []
    turn.say_starts(request)
    [running] = roster.everyone()
    assert (running.delivery.job_id, running.delivery.attempt, running.task) == (request.id, 2, "old")


def test_what_another_process_was_once_given_is_not_over_for_who_runs_it_now(given: Entry, slot: board.Cell) -> None:
    board.say_idle(slot, board.name_of(given.delivery.job_id, 1))
    assert roster.everyone() == []
    elsewhere = replace(given, pid=given.pid + 1)
    roster.add(elsewhere)
    assert roster.everyone() == [elsewhere]


@pytest.mark.parametrize("time_limit", [None, 5])
def test_an_attempt_that_is_given_again_after_nobody_could_say_is_run(
    given: Entry, slot: board.Cell, monkeypatch: pytest.MonkeyPatch, time_limit: int | None
) -> None:
    monkeypatch.setattr(turn, "_turn", turn._Turn(cell=slot))
    turn.say_undecided(request_of(given))
    task = SimpleNamespace(name="noop", time_limit=time_limit, soft_time_limit=None)
    run = turn.with_turns(task, lambda *_: roster.everyone())
    assert run("", (), {}, {"id": given.delivery.job_id, "attempt": 1}) == [given]
