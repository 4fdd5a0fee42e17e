"""One drill on the stack that this process is configured for: load and blows, then quiet, then verify."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from django.db import connection

from jobs.broker import connections
from jobs.domain.actors import Actor
from jobs.domain.states import WAITING
from jobs.verification.findings import Finding
from jobs.verification.verifying import Verification
from taskqueue_project.drill import report
from taskqueue_project.drill.hazards import Blow, Hazards
from taskqueue_project.drill.mix import Mix
from taskqueue_project.drill.report import Report
from taskqueue_project.drill.victims import Victims

BLOW_EVERY_SECONDS = (2.0, 3.6)
QUIET_SECONDS = 240.0
_TICK_SECONDS = 0.25

Say = Callable[[str], None]


@dataclass(slots=True)
class Drill:
    data_dir: Path
    actor: Actor
    seed: int
    say: Say
    witness_file: Path | None = None
    """What the stack's workers note their executions in, if they do."""
    _suppressed: int = 0
    _counter: int = field(default=0)

    def run(self, *, seconds: float) -> Report:
        random = Random(self.seed)
        hazards = Hazards(Victims(self.data_dir, random), random)
        mix = Mix(self.actor, Random(self.seed + 1))
        try:
            self._storm(hazards, mix, random, seconds=seconds)
        finally:
            hazards.thaw(all_of_them=True)
        self._await_quiet(mix)
        return self._judge(hazards, mix)

    def _storm(self, hazards: Hazards, mix: Mix, random: Random, *, seconds: float) -> None:
        began = time.monotonic()
        next_blow = began + 2.0
        while time.monotonic() - began < seconds:
            mix.top_up()
            hazards.thaw()
            self._count_suppressed()
            if time.monotonic() >= next_blow:
                self._tell(hazards.strike(), since=began)
                next_blow = time.monotonic() + random.uniform(*BLOW_EVERY_SECONDS)
            time.sleep(_TICK_SECONDS)

    def _tell(self, blow: Blow | None, *, since: float) -> None:
        if blow is not None:
            deed = f"{blow.kind} killed" if blow.is_kill else blow.kind
            self.say(f"{time.monotonic() - since:6.1f} s  {deed}")

    def _await_quiet(self, mix: Mix) -> None:
        began = said = time.monotonic()
        while (left := report.unended(mix.jobs())) and time.monotonic() - began < QUIET_SECONDS:
            self._count_suppressed()
            if time.monotonic() - said >= 5:
                said = time.monotonic()
                waiting = mix.jobs().filter(state__in=sorted(WAITING)).count()
                self.say(f"waiting for quiet: {left} jobs have not ended, {waiting} of them wait")
            time.sleep(_TICK_SECONDS)

    def _judge(self, hazards: Hazards, mix: Mix) -> Report:
        findings = self._verify()
        jobs, lost = mix.jobs(), report.losses(mix.jobs())
        return Report(
            seed=self.seed,
            database=connection.vendor,
            jobs=mix.submitted,
            blows=dict(hazards.counts()),
            kills=sum(blow.is_kill for blow in hazards.dealt),
            losses_rescued=len(lost),
            reruns=tuple(report.reruns(lost, hazards.dealt)),
            published_again=report.published_again(jobs),
            duplicates_suppressed=self._suppressed,
            duplicate_executions=report.executed_twice(jobs, self.witness_file),
            buried_by_losses=report.buried_by_losses(jobs),
            lost=mix.submitted - jobs.count() + report.unended(jobs),
            findings=findings,
        )

    def _verify(self) -> int:
        verification = Verification()
        for finding in verification:
            self._tell_finding(finding)
        self.say(str(verification.ledger()))
        return verification.found

    def _tell_finding(self, finding: Finding) -> None:
        self.say(f"{finding.object} {finding.problem} [{finding.check}]")

    def _count_suppressed(self) -> None:
        """The counter goes with every flush, so its growth is what counts."""
        try:
            counter = int(connections.hasty().hget(connections.key("counters"), "duplicates_suppressed") or 0)
        except connections.Unavailable:
            return
        self._suppressed += counter - self._counter if counter >= self._counter else counter
        self._counter = counter
