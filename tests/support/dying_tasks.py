"""Tasks that die for the stories of dead letters: in several ways that look alike, and until something is fixed."""

from pathlib import Path

from jobs.shortcuts import task
from tests.support.sample_tasks import leave_mark


class Refused(Exception):
    """What a service on the other side answers."""


@task(name="ask", queue="default", max_retries=0)
def ask(kind: str, number: int) -> None:
    """Dies in one of several ways, with a message that no other job has."""
    match kind:
        case "slow":
            raise TimeoutError(f"no answer from 10.0.{number % 250}.{number // 250} within {number}.5 s")
        case "odd":
            _parse(number)
        case "refused":
            _call(number, None)
        case "refused because":
            _call(number, KeyError(f"customer-{number}"))


def _parse(number: int) -> None:
    raise ValueError(f"row {number} of /srv/in/{number:08x}/orders.csv is not '{number}'")


def _call(number: int, cause: Exception | None) -> None:
    raise Refused(f"order {number} (3f2504e0-4f89-41d3-9a0c-{number:012x}) was refused") from cause


@task(name="needs", queue="default", max_retries=0)
def needs(marks: str, fixed: str, text: str) -> str:
    """Fails until a file exists: the deploy that fixes it."""
    leave_mark(marks, text)
    if not Path(fixed).exists():
        raise Refused(f"{text} can't be done before {fixed} exists")
    return "fixed"
