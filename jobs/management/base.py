"""What our commands share: an error becomes one line that says what to do, and an exit code; never a stack trace."""

import os
import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import DatabaseError
from redis.exceptions import RedisError

from jobs.control.cancelling import JobUnknown
from jobs.domain.errors import NotThere, StateConflict, TallyError
from jobs.management.output import BadUsage, Found


class TallyCommand(BaseCommand):
    """Exit codes: 0 fine, 1 found a problem, 2 bad usage."""

    # The others load every page: a second of CPU for nothing here.
    requires_system_checks: tuple[str, ...] = ("taskqueue",)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (NotThere, JobUnknown, StateConflict) as error:
            raise Found(str(error)) from None
        except TallyError as error:
            raise BadUsage(str(error)) from None
        except DatabaseError as error:
            raise Found(f"SQL can't be asked: {first_line(error)}. `manage.py doctor` says what is wrong.") from None
        except ImproperlyConfigured as error:
            raise Found(str(error)) from None
        except BrokenPipeError:  # whoever read it has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None
        except (RedisError, ConnectionError, TimeoutError) as error:
            raise Found(f"Redis can't be asked: {first_line(error)}. `manage.py doctor` says what is wrong.") from None


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
