"""Runs every check, one after the other, and says at the end where all jobs are.

Findings come as they are made. Those of checks that settle are looked at again until they are gone or patience is.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from jobs.broker import connections
from jobs.verification import counts, findings, neighbours, rows, traces, whereabouts  # noqa: F401  (they register)
from jobs.verification.counts import Ledger
from jobs.verification.findings import Check, Finding

PATIENCE_SECONDS = 20.0  # longer than a worker's silence plus its rescue
_LOOK_AGAIN_SECONDS = 1.0
_MOST_SUSPECTS = 1000  # held in memory for each check; more than that are not waited for

Tell = Callable[[Check], None]


@dataclass(slots=True)
class Verification:
    """One look at everything: iterate over it, then ask for the `ledger`."""

    patience_seconds: float = PATIENCE_SECONDS
    tell: Tell = lambda _check: None
    found: int = 0
    _stuck: set[str] = field(default_factory=set)
    _overflow: int = 0

    def __iter__(self) -> Iterator[Finding]:
        suspected: dict[str, dict[tuple[str, str], Finding]] = {}
        for check in findings.every():
            self.tell(check)
            if check.settles:
                suspected[check.name] = _suspects(check)
            else:
                yield from self._count(check, _find(check))
        yield from self._settle({name: suspects for name, suspects in suspected.items() if suspects})

    def ledger(self) -> Ledger:
        return counts.balance(stuck=len(self._stuck) + self._overflow)

    def _settle(self, suspected: dict[str, dict[tuple[str, str], Finding]]) -> Iterator[Finding]:
        """Wait for all of them together; what is still wrong at the end is a finding."""
        checks = {check.name: check for check in findings.every()}
        give_up_at = time.monotonic() + self.patience_seconds
        while suspected and time.monotonic() < give_up_at:
            time.sleep(min(_LOOK_AGAIN_SECONDS, max(0.0, give_up_at - time.monotonic())))
            for name, before in list(suspected.items()):
                suspected[name] = _still(checks[name], before)
                if not suspected[name]:
                    del suspected[name]
        for name, before in suspected.items():
            everyone = len(before) >= _MOST_SUSPECTS
            kept = (f for f in _find(checks[name]) if _key(f) in before) if not everyone else _find(checks[name])
            yield from self._count(checks[name], kept)

    def _count(self, check: Check, found: Iterator[Finding]) -> Iterator[Finding]:
        for finding in found:
            self.found += 1
            if check.unaccounted:
                self._note_stuck(finding)
            yield finding

    def _note_stuck(self, finding: Finding) -> None:
        if len(self._stuck) < 10 * _MOST_SUSPECTS:
            self._stuck.add(finding.object)
        else:
            self._overflow += 1


def _suspects(check: Check) -> dict[tuple[str, str], Finding]:
    suspects: dict[tuple[str, str], Finding] = {}
    for finding in _find(check):
        suspects[_key(finding)] = finding
        if len(suspects) >= _MOST_SUSPECTS:
            break
    return suspects


def _still(check: Check, before: dict[tuple[str, str], Finding]) -> dict[tuple[str, str], Finding]:
    if len(before) >= _MOST_SUSPECTS:
        return _suspects(check)
    return {_key(finding): finding for finding in _find(check) if _key(finding) in before}


def _find(check: Check) -> Iterator[Finding]:
    try:
        yield from check.find()
    except connections.Unavailable as error:
        problem = f"can't be asked ({type(error).__name__}: {error}), so this was not verified: {check.promise}"
        yield Finding(check.name, "redis:server", problem)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.check, finding.object
