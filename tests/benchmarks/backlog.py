"""What a keeper's memory does when it finds a long journal: 200 000 entries that workers wrote while it was away."""

import subprocess
import sys
import time
from typing import Any

import psutil

from tests.benchmarks import processes
from tests.benchmarks.contenders import Tally
from tests.support.process import ROOT

ENTRIES = 200_000
_LOOK_SECONDS = 0.05
_WATCHED_SECONDS = 25.0  # some thirty thousand entries: by then it has long taken what it will take

# Workers' own calls, without the work: two entries a job.
_FILL = """
import django; django.setup()
import time
from jobs.broker import claims, connections, scripts
from jobs.domain.journal import Executor
from jobs.domain.retry import Budget
from jobs.execution import ledger, verdicts
from jobs.broker import entries
from jobs.intake import registry
from jobs.models import Job
import taskqueue_project, tests.benchmarks.tasks as tasks
client, by = connections.patient(), Executor("bench@host", "bench", 1, 1)
spec = registry.spec_of(tasks.noop)
ending = verdicts.of_result(1, Budget(), verdicts.policy_of(spec, 0))
def line(job_id):
    run = ledger.Run(job_id, 1, by, "token", int(time.time() * 1000))
    ended = ledger.ended_of(run, ending, at_ms=0, started_ms=run.queued_ms, run_seconds=0.001, log="")
    claim, journal = claims.claim_key(job_id, 1), claims.journal_key()
    yield "start", [claim, journal, claims.counters_key()], ["bench token 1 1 bench@host", "token", job_id, 1, claims.started_body(by, run.queued_ms)]
    yield "finish", [claim, journal], ["bench", "token", job_id, 1, ending.outcome, entries.ended_body(ended), 0]
ids = [str(i) for i in Job.objects.filter(state="queued").values_list("id", flat=True)]
for first in range(0, len(ids), 500):
    with client.pipeline(transaction=False) as pipeline:
        for job_id in ids[first:first + 500]:
            for name, keys, args in line(job_id):
                scripts.queue(pipeline, client, name, keys=keys, args=args)
        pipeline.execute()
"""


def keeper_memory_bytes(contender: Tally) -> int:
    """The most that a fresh keeper takes while it works its way into them."""
    contender.processes.pop("keeper").kill_group()
    for _ in range(2):
        contender.submit("bulk", ENTRIES // 4)
    fill = [sys.executable, "-c", _FILL]
    subprocess.run(fill, cwd=ROOT, env=contender.environment, check=True, timeout=180, capture_output=True)
    contender.start_keeper()
    return _peak(psutil.Process(contender.processes["keeper"].pid), contender.journal())


def _peak(keeper: psutil.Process, journal: Any) -> int:
    peak, until = 0, time.monotonic() + _WATCHED_SECONDS
    while journal.xlen("tally:journal") and time.monotonic() < until:
        peak = max(peak, processes.memory_bytes(keeper))
        time.sleep(_LOOK_SECONDS)
    return peak
