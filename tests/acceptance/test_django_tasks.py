"""Functions of Django's own Tasks framework on real workers: a person's app, with rows, retries, results and signals."""

import itertools
import json
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings

from tests.support.django_tasks import APPS
from tests.support.process import ROOT
from tests.support.story import Story, eventually, marks_in, seconds_between

PRESS = "tests.support.press.tasks"
IMMEDIATE = f"django{'.' if django.VERSION >= (6, 0) else '_'}tasks.backends.immediate.ImmediateBackend"
TALLY = "jobs.django_tasks.TallyBackend"

SETTINGS = {
    "INSTALLED_APPS": [*settings.INSTALLED_APPS, *APPS, "tests.support.press", "newsletter"],
    "TASKS": {
        "default": {"BACKEND": TALLY, "QUEUES": ["high", "default", "low"]},
        "at_once": {"BACKEND": IMMEDIATE},
    },
    "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": 1.0,
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
}
VARIABLES = {"PYTHONPATH": str(ROOT / "docs" / "examples"), "PRESS_SIGNALS": "signals"}
LATENESS_SECONDS = 0.5


def call(story: Story, code: str, **values: Any) -> Any:
    """Run code that knows the functions, as a web process does."""
    return story.call(f"from {PRESS} import *\n{code}", **values)


def enqueue(story: Story, function: str, *args: Any, **kwargs: Any) -> str:
    code = "answer = globals()[function].enqueue(*args, **kwargs).id"
    return str(call(story, code, function=function, args=args, kwargs=kwargs))


RESULT = """
from jobs.django_tasks.framework import task_backends
found = task_backends["default"].get_result(id_)
answer = {
    "status": found.status,
    "value": found.return_value if found.status == "SUCCESSFUL" else None,
    "errors": [error.exception_class_path for error in found.errors],
    "tracebacks": [error.traceback for error in found.errors],
    "workers": found.worker_ids,
    "attempts": found.attempts,
    "times": [found.enqueued_at, found.started_at, found.last_attempted_at, found.finished_at],
}
"""


def result_of(story: Story, id_: str) -> dict[str, Any]:
    return dict(call(story, RESULT, id_=id_))


def finished(story: Story, id_: str) -> dict[str, Any]:
    story.wait_for_end(id_)
    return result_of(story, id_)


def test_a_function_runs_in_a_worker(story: Story) -> None:
    id_ = enqueue(story, "add", 1, b=2)
    result = finished(story, id_)
    assert (result["status"], result["value"], result["errors"]) == ("SUCCESSFUL", 3, [])
    [attempt] = story.attempts(id_)
    assert result["workers"] == [attempt["worker"]]
    assert result["times"] == sorted(result["times"])
    assert story.row(id_)["source"] == "tasks"


def test_a_failing_function_shows_an_error_and_a_worker_for_every_attempt(story: Story) -> None:
    id_ = enqueue(story, "fail", "as ever")
    result = finished(story, id_)
    assert (result["status"], result["attempts"]) == ("FAILED", 4)
    assert result["errors"] == ["builtins.ValueError"] * 4
    assert all("ValueError: as ever" in traceback and "in fail" in traceback for traceback in result["tracebacks"])
    assert len(result["workers"]) == 4
    [letter] = story.letters(id_)
    assert (letter["reason"], letter["error_type"]) == ("exhausted", "ValueError")


def test_the_context_counts_the_attempts_of_a_worker(story: Story) -> None:
    value = finished(story, enqueue(story, "recover", failures=2))["value"]
    assert (value["attempt"], value["status"], value["errors"]) == (3, "RUNNING", ["builtins.LookupError"] * 2)
    assert len(value["workers"]) == 3
    assert value["started_before_attempt"]


def test_a_coroutine_runs_in_a_worker(story: Story) -> None:
    id_ = enqueue(story, "count_jobs", "hello")
    result = finished(story, id_)
    assert (result["value"]["word"], result["value"]["job"]) == ("hello", id_)
    assert result["value"]["jobs"] >= 1


def test_run_after_is_honoured_to_half_a_second(story: Story) -> None:
    code = """
from datetime import timedelta
from django.utils import timezone
begin = timezone.now()
results = [meaning.using(run_after=begin + timedelta(seconds=2 + n / 3)).enqueue() for n in range(9)]
answer = {result.id: result.task.run_after for result in results}
"""
    due = call(story, code)
    assert story.wait_for_ends(list(due)) == {"succeeded": 9}
    lateness = [seconds_between(moment, story.row(id_)["started_at"]) for id_, moment in due.items()]
    assert min(lateness) >= 0
    assert sorted(lateness)[len(lateness) // 2] <= LATENESS_SECONDS
    assert max(lateness) <= 4 * LATENESS_SECONDS  # other tests may keep the machine busy


def test_a_function_outside_tasks_py_is_found_by_the_worker(story: Story) -> None:
    """The worker has not imported its module; each of its processes has to find it."""
    code = """
from tests.support.press import printing
pages = [printing.print_page.enqueue(number).id for number in range(8)]
warm = printing.Machine.warm_up.enqueue().id
folded = printing.fold.using(backend="default").enqueue(6).id
answer = [*pages, warm, folded]
"""
    ids = call(story, code)
    assert story.wait_for_ends(ids) == {"succeeded": 10}
    assert [story.row(id_)["result"] for id_ in ids] == [*(f"page {n}" for n in range(8)), "warm", 3]


def test_a_rolled_back_transaction_leaves_nothing_to_run(story: Story, marks: Path) -> None:
    code = """
from django.db import transaction
try:
    with transaction.atomic():
        lost = mark.enqueue(marks, "lost").id
        raise ZeroDivisionError
except ZeroDivisionError:
    with transaction.atomic():
        kept = mark.enqueue(marks, "kept").id
answer = [lost, kept, Job.objects.filter(id=lost).count()]
"""
    _, kept, rows = call(story, code, marks=str(marks))
    assert rows == 0
    story.wait_for_end(kept)
    assert [line.split()[0] for line in marks_in(marks)] == ["kept"]


def test_a_function_that_enqueues_another_is_its_parent(story: Story, marks: Path) -> None:
    id_ = enqueue(story, "enqueue_another", str(marks))
    child = finished(story, id_)["value"]
    story.wait_for_end(child)
    assert story.row(child)["parent_id"] == id_


def test_a_dead_worker_process_is_an_error_of_its_attempt_and_the_next_one_succeeds(story: Story, marks: Path) -> None:
    result = finished(story, enqueue(story, "die", str(marks)))
    assert (result["status"], result["value"], result["attempts"]) == ("SUCCESSFUL", "survived", 2)
    assert result["errors"] == ["jobs.django_tasks.errors.WorkerLost"]
    assert len(marks_in(marks)) == 2


def test_a_cancelled_function_has_failed(story: Story) -> None:
    code = """
from datetime import timedelta
from django.utils import timezone
answer = meaning.using(run_after=timezone.now() + timedelta(hours=1)).enqueue().id
"""
    id_ = call(story, code)
    story.cancel(id_)
    result = finished(story, id_)
    assert (result["status"], result["errors"]) == ("FAILED", ["jobs.execution.context.Cancelled"])
    assert "because" in result["tracebacks"][0]


def test_higher_priorities_overtake(fresh: Story, marks: Path) -> None:
    """Before a worker starts, jobs wait; a worker of all queues serves the highest first."""
    fresh.start_keeper()
    code = """
answer = [mark.using(priority=p).enqueue(marks, f"p{p}").id for p in (-100, -1, 0, 0, 1, 100)]
"""
    ids = call(fresh, code, marks=str(marks))
    fresh.start_worker(concurrency=1)
    assert fresh.wait_for_ends(ids) == {"succeeded": 6}
    assert [line.split()[0] for line in marks_in(marks)] == ["p1", "p100", "p0", "p0", "p-100", "p-1"]


def test_signals_are_sent_where_things_happen(story: Story) -> None:
    good, bad = enqueue(story, "meaning"), enqueue(story, "fail", "as ever")
    told = {id_: wait_for_signals(story, id_) for id_ in (good, bad)}
    assert [(s["signal"], s["status"]) for s in told[good]] == [
        ("enqueued", "READY"),
        ("started", "RUNNING"),
        ("finished", "SUCCESSFUL"),
    ]
    assert [s["signal"] for s in told[bad]] == ["enqueued", *["started"] * 4, "finished"]
    assert [s["attempts"] for s in told[bad]] == [0, 1, 2, 3, 4, 4]
    last = told[bad][-1]
    assert (last["status"], last["errors"], last["handled"]) == ("FAILED", ["builtins.ValueError"] * 4, "ValueError")
    everything = list(itertools.chain(*told.values()))
    assert {s["sender"] for s in everything} == {"jobs.django_tasks.backend.TallyBackend"}
    children = story.children_of(story.processes["worker"])
    assert {s["pid"] in children for s in everything if s["signal"] != "enqueued"} == {True}
    assert {s["pid"] in children for s in everything if s["signal"] == "enqueued"} == {False}


def test_a_killed_process_announces_nothing_and_the_next_attempt_does(story: Story, marks: Path) -> None:
    told = wait_for_signals(story, enqueue(story, "die", str(marks)))
    assert [(s["signal"], s["attempts"]) for s in told] == [
        ("enqueued", 0),
        ("started", 1),
        ("started", 2),
        ("finished", 2),
    ]


@pytest.mark.long
def test_an_attempt_that_a_deploy_interrupts_has_not_finished(fresh: Story, marks: Path) -> None:
    fresh.start_keeper()
    fresh.start_worker(concurrency=1)
    id_ = enqueue(fresh, "give_up_loudly", str(marks))
    eventually(lambda: marks_in(marks), "the function to begin")
    fresh.stop("worker")
    fresh.wait_for_state(id_, "retrying", "queued")
    assert fresh.outcomes(id_) == ["interrupted"]
    assert [told["signal"] for told in signals_of(fresh, id_)] == ["enqueued", "started"]
    result = result_of(fresh, id_)
    assert (result["status"], result["errors"]) == ("READY", ["jobs.django_tasks.errors.Interrupted"])


def test_the_sample_app_sends_its_newsletter(story: Story) -> None:
    [id_] = send_newsletter(story)
    story.wait_for_end(id_)
    letters = story.row(id_)["result"]
    story.wait_for_ends(letters)
    assert send_newsletter(story, look=id_) == [
        "issue SUCCESSFUL",
        "ann@example.com SUCCESSFUL after 1 attempt(s)",
        "moody@example.com SUCCESSFUL after 2 attempt(s) ConnectionError",
        "nobody FAILED after 4 attempt(s) ValueError, ValueError, ValueError, ValueError",
    ]
    code = "answer = list(Job.objects.filter(task='newsletter.tasks.count_letters').values_list('state', flat=True))"
    eventually(lambda: story.call(code) == ["succeeded"], "the letters to be counted")
    assert story.row(letters[0])["queue"] == "high"


def test_djangos_checks_pass_with_the_sample_app_and_name_a_wrong_setting(story: Story) -> None:
    code = """
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings
with override_settings(TASKS={**settings.TASKS, **more}):
    answer = [[told.id, told.msg] for told in run_checks() if "TASKS" in str(told.msg)]
"""
    assert story.call(code, more={}) == []
    wrong = {"bad": {"BACKEND": TALLY, "QUEUES": ["nowhere"]}}
    assert story.call(code, more=wrong) == [
        ["taskqueue.E012", "TASKS['bad']: QUEUES names 'nowhere', which no queue of Tally carries."]
    ]


def send_newsletter(story: Story, **options: str) -> list[str]:
    """What the sample's command prints."""
    code = """
from io import StringIO
from django.core.management import call_command
printed = StringIO()
call_command("send_newsletter", stdout=printed, **options)
answer = printed.getvalue().splitlines()
"""
    return list(story.call(code, options=options))


def wait_for_signals(story: Story, id_: str) -> list[dict[str, Any]]:
    """What receivers were told of this job, once its end was told."""

    def is_told() -> bool:
        told = signals_of(story, id_)
        return bool(told) and told[-1]["signal"] == "finished"

    eventually(is_told, f"the end of {id_} to be told", seconds=60)
    return signals_of(story, id_)


def signals_of(story: Story, id_: str) -> list[dict[str, Any]]:
    file = story.directory / "signals"
    lines = file.read_text().splitlines() if file.exists() else []
    told = [line for line in map(json.loads, lines) if line["id"] == id_]
    # The caller and a worker that is quick tell theirs at the same time.
    return sorted(told, key=lambda line: line["signal"] != "enqueued")
