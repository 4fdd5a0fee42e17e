"""What the code of a task may raise to say how its job goes on."""

from jobs.domain.errors import TallyError


class Retry(TallyError):
    """Try again, after so many seconds or after the usual wait. Costs one retry of the budget."""

    code = "retry"

    def __init__(self, reason: str = "", *, after: float | None = None) -> None:
        super().__init__(reason or "the task asked to be tried again")
        self.after = after


class Discard(TallyError):
    """Never try again, whatever is left of the budget. The job is dead, with this reason, for a person to see."""

    code = "discard"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class ResultNotKept(TallyError):
    """The task finished, but what it returned can't be stored. Running it again would repeat its effects."""

    code = "result_not_kept"


class ReplaceRefused(TallyError):
    code = "replace_refused"
