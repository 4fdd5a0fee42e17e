"""System checks on relations between settings: what would lose or repeat work is refused before anything starts."""

from typing import Any

from celery import current_app
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from jobs import conf
from jobs.domain import retention
from jobs.domain.states import FINAL
from jobs.intake import registry


@register("taskqueue")
def check_settings(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    return [*_check_times(), *_check_retention(), *_check_celery(), *_check_tasks()]


def _check_times() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    settings = conf.current()
    if settings.RESCUE_AFTER_SECONDS < 3 * settings.BEAT_SECONDS:
        found.append(
            Error(
                "RESCUE_AFTER_SECONDS is less than three beats: a worker that is merely busy would be taken for dead.",
                hint=f"Set it to at least {3 * settings.BEAT_SECONDS:g}, or lower BEAT_SECONDS.",
                id="taskqueue.E001",
            )
        )
    if settings.MESSAGE_TRUSTED_SECONDS + settings.TURN_SECONDS >= settings.CLAIM_KEPT_SECONDS:
        found.append(
            Error(
                "MESSAGE_TRUSTED_SECONDS and TURN_SECONDS together must be less than CLAIM_KEPT_SECONDS: an old message"
                " could start a finished job.",
                hint="Keep claims at least twice as long as messages are trusted.",
                id="taskqueue.E002",
            )
        )
    if settings.LEADER_LEASE_SECONDS < 4 * settings.DUTY_SECONDS:
        found.append(
            checks.Warning(
                "LEADER_LEASE_SECONDS is short: a slow duty makes keepers take the lead from each other.",
                hint=f"Set it to at least {4 * settings.DUTY_SECONDS:g}.",
                id="taskqueue.W001",
            )
        )
    return found


def _check_retention() -> list[CheckMessage]:
    settings = conf.current()
    given = {
        "KEEP_FINAL_SECONDS_OF": settings.KEEP_FINAL_SECONDS_OF,
        "KEEP_BODIES_SECONDS_OF": settings.KEEP_BODIES_SECONDS_OF,
    }
    problems = [
        f"{name}: {problem}."
        for name, exceptions in given.items()
        for key, seconds in exceptions.items()
        if (problem := retention.problem_with(key, seconds, states=frozenset(FINAL)))
    ]
    return [
        Error(problem, hint='As in {"low/succeeded": 86_400, "*/cancelled": 3_600}.', id="taskqueue.E008")
        for problem in problems
    ]


def _check_celery() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    options = current_app.conf.broker_transport_options or {}
    if options.get("retry_on_timeout"):
        found.append(
            Error(
                "retry_on_timeout in the broker's transport options switches batched publishing off.",
                hint="Remove it: a failed publish is repeated by the keeper.",
                id="taskqueue.E003",
            )
        )
    if options.get("priority_steps") != [0]:
        found.append(
            Error(
                "The broker's transport option priority_steps must be [0].",
                hint="With more steps a queue has several lists, and the keeper looks at one.",
                id="taskqueue.E004",
            )
        )
    if set(current_app.conf.accept_content or ()) - {"json", "application/json"}:
        found.append(
            Error(
                "accept_content allows more than JSON: whoever can write to Redis could run code.",
                hint='Set CELERY_ACCEPT_CONTENT = ["json"].',
                id="taskqueue.E005",
            )
        )
    missing = set(conf.current().QUEUES) - set(current_app.amqp.queues)
    if missing:
        found.append(
            Error(
                f"TASKQUEUE names queues that Celery does not know: {', '.join(sorted(missing))}.",
                hint="Declare each in CELERY_TASK_QUEUES, on the default exchange.",
                id="taskqueue.E006",
            )
        )
    return found


def _check_tasks() -> list[CheckMessage]:
    registry.load()
    limited = [n for n, t in sorted(current_app.tasks.items()) if t.rate_limit and not n.startswith("celery.")]
    return [
        Error(
            f"The task {name} has a rate_limit, which keeps popped messages in a worker's memory.",
            hint="Remove it; limit the rate with a queue and a worker pool of its own.",
            id="taskqueue.E007",
        )
        for name in limited
    ]
