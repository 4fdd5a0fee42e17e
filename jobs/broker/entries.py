"""How journal entries look on the wire: field `k` is the kind, `j` `n` `t` whom and when, `b` the body."""

import json
from dataclasses import asdict
from typing import Any

from jobs.broker import claims
from jobs.domain.journal import (
    Adopted,
    Ended,
    Entry,
    Executor,
    Failure,
    Late,
    Progressed,
    Started,
    Withdrawn,
)
from jobs.domain.retry import Budget, Next, Verdict
from jobs.domain.states import Burial, Event, Outcome

dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode  # json.dumps would make one for every call


def ended_body(ended: Ended) -> str:
    """Everything but whom and when, which the script and its time add."""
    verdict, budget, failure = ended.verdict, ended.verdict.budget, ended.failure
    body: dict[str, Any] = {
        "outcome": ended.outcome,
        "next": verdict.next,
        "wait": verdict.wait_seconds,
        "reason": verdict.reason,
        "budget": [budget.failures, budget.losses, budget.unknowns],
        "by": [ended.by.worker, ended.by.incarnation, ended.by.pid, ended.by.beat],
        "started_ms": ended.started_ms,
        "queued_ms": ended.queued_ms,
        "run": ended.run_seconds,
    }
    if ended.result is not None:
        body["result"] = ended.result
    if failure.type or failure.message:
        body["failure"] = [
            failure.type,
            failure.message,
            failure.traceback,
            list(failure.causes),
            list(failure.frames),
        ]
    if ended.log:
        body["log"] = ended.log
    if ended.rescued:
        body["rescued"] = True
    return dumps(body)


def adopted_body(adopted: Adopted) -> str:
    return dumps({name: value for name, value in asdict(adopted).items() if name not in {"job_id", "at_ms"}})


def read(fields: dict[str, str]) -> Entry:
    """The entry as the rules know it. Raises ValueError, KeyError or TypeError for one that nobody here can read."""
    match fields["k"]:
        case "started":
            return _read_started(fields)
        case "ended":
            return _read_ended(fields)
        case "late":
            return Late(fields["j"], int(fields["n"]), int(fields["t"]), Outcome(fields["b"]))
        case "withdrawn":
            return Withdrawn(fields["j"], int(fields["n"]), int(fields["t"]), Event(fields["b"]))
        case "progressed":
            percent, message = json.loads(fields["b"])
            return Progressed(fields["j"], int(fields["n"]), int(fields["t"]), percent, message)
        case "adopted":
            return _read_adopted(fields)
        case unknown:
            raise ValueError(f"no journal entry is of the kind {unknown!r}")


def _read_started(fields: dict[str, str]) -> Started:
    worker, incarnation, pid, beat, queued_ms = json.loads(fields["b"])
    by = Executor(worker=worker, incarnation=incarnation, pid=pid, beat=beat)
    return Started(fields["j"], int(fields["n"]), int(fields["t"]), by, queued_ms)


def _read_ended(fields: dict[str, str]) -> Ended:
    body = json.loads(fields["b"])
    worker, incarnation, pid, beat = body["by"]
    by = Executor(worker=worker, incarnation=incarnation, pid=pid, beat=beat)
    started_ms = body["started_ms"]
    if fields.get("c", "").startswith(claims.RUNNING):
        holder = claims.parse(fields["c"])
        by, started_ms = holder.by, holder.since_ms
    reason = body["reason"]
    kind, message, traceback, causes, *frames = body.get("failure") or ("", "", "", ())
    return Ended(
        job_id=fields["j"],
        attempt=int(fields["n"]),
        at_ms=int(fields["t"]),
        outcome=Outcome(body["outcome"]),
        verdict=Verdict(Next(body["next"]), Budget(*body["budget"]), body["wait"], Burial(reason) if reason else None),
        by=by,
        started_ms=started_ms,
        queued_ms=body["queued_ms"],
        run_seconds=body["run"],
        result=body.get("result"),
        failure=Failure(kind, message, traceback, tuple(causes), tuple(frames[0]) if frames else ()),
        log=body.get("log", ""),
        rescued=body.get("rescued", False),
    )


def _read_adopted(fields: dict[str, str]) -> Adopted:
    body = json.loads(fields["b"])
    body["args"] = tuple(body["args"])
    body["reason"] = Burial(body["reason"]) if body["reason"] else None
    return Adopted(job_id=fields["j"], at_ms=int(fields["t"]), **body)
