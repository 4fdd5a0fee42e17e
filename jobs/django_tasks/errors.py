"""What ended an attempt that no code of the task ended: exception classes that `TaskError.exception_class` can name."""

from jobs.domain.errors import TallyError
from jobs.execution.errors import Discard


class ReturnValueInvalid(Discard, TypeError):
    """The function has run, but what it returned is no JSON. Running it again would repeat its effects."""

    code = "return_value_invalid"


class WorkerLost(TallyError):
    """The process that ran the attempt died."""

    code = "worker_lost"


class TimeLimitExceeded(TallyError):
    """The attempt ran longer than its limit and was stopped."""

    code = "time_limit_exceeded"


class Interrupted(TallyError):
    """The worker was stopped while the attempt ran, as in a deploy; the next attempt costs no retry."""

    code = "interrupted"


class UnknownTask(TallyError):
    """The worker had no function of that name, as in a rolling deploy."""

    code = "unknown_task"


class Undecodable(TallyError):
    """The message could not be read."""

    code = "undecodable"


class Expired(TallyError):
    """The job had not started when its time was over."""

    code = "expired"
