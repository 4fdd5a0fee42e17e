"""Functions outside any tasks.py: a worker learns of them when it meets the first."""

from tests.support.django_tasks import task


@task
def print_page(number: int) -> str:
    return f"page {number}"


class Machine:
    @staticmethod
    @task
    def warm_up() -> str:
        return "warm"


@task(backend="at_once")
def fold(sheets: int) -> int:
    return sheets // 2
