"""What a project may choose for its functions: for all in the backend's OPTIONS, for one by `@options(…)` below `@task`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from django.utils.module_loading import import_string

from jobs.django_tasks.framework import InvalidTask
from jobs.domain.retry import RetryPolicy

Function = TypeVar("Function", bound=Callable[..., Any])

_ATTRIBUTE = "tally_options"
_RETRIES_MAX = 32_767


@dataclass(frozen=True, slots=True)
class Choices:
    """The defaults are those of Tally's own `@task`. Exceptions are classes, or dotted paths to them."""

    max_retries: int | None = 3
    backoff_factor: float = 1.0
    backoff_cap_seconds: float = 3600.0
    retry_on: tuple[Any, ...] = (Exception,)
    discard_on: tuple[Any, ...] = ()
    time_limit_seconds: float | None = None
    soft_time_limit_seconds: float | None = None
    sensitive: bool = False

    @property
    def policy(self) -> RetryPolicy:
        return RetryPolicy(
            max_retries=self.max_retries, factor=self.backoff_factor, cap_seconds=self.backoff_cap_seconds
        )


NAMES = frozenset(field.name for field in fields(Choices))


def options(**given: Any) -> Callable[[Function], Function]:
    """For one function, written between it and `@task`: any of the names in OPTIONS, with precedence over them."""
    problems = problems_of(given)
    if problems:
        raise InvalidTask(" ".join(problems))

    def choose(function: Function) -> Function:
        if hasattr(function, "enqueue"):
            raise InvalidTask("@options belongs below @task: it is for the function, not for the task made of it.")
        setattr(function, _ATTRIBUTE, given)
        return function

    return choose


def choose_for(function: Callable[..., Any], given: Mapping[str, Any]) -> Choices:
    """The function's own options over those of its backend; what `check` complains about is left out."""
    wanted = {**given, **getattr(function, _ATTRIBUTE, {})}
    usable = {name: value for name, value in wanted.items() if name in NAMES and not _problem_of(name, value)}
    for name in {"retry_on", "discard_on"} & usable.keys():
        usable[name] = tuple(usable[name])
    return replace(Choices(), **usable)


def exceptions_of(chosen: tuple[Any, ...]) -> tuple[type[BaseException], ...]:
    """Classes of what may have been given by path: a task's own module is still being imported when it is declared."""
    return tuple(import_string(one) if isinstance(one, str) else one for one in chosen)


def problems_of(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with these options, one sentence each."""
    unknown = [
        f"There is no option {name!r}. There are: {', '.join(sorted(NAMES))}." for name in given if name not in NAMES
    ]
    return unknown + [
        f"{name} is {value!r}: {problem}"
        for name, value in given.items()
        if name in NAMES and (problem := _problem_of(name, value))
    ]


def _problem_of(name: str, value: Any) -> str:
    match name:
        case "max_retries":
            is_right = value is None or (_is_number(value, int) and 0 <= value <= _RETRIES_MAX)
            return "" if is_right else f"give a number from 0 to {_RETRIES_MAX}, or None to retry without end."
        case "backoff_factor" | "backoff_cap_seconds":
            return "" if _is_number(value, int, float) and value >= 0 else "give a number that is not negative."
        case "time_limit_seconds" | "soft_time_limit_seconds":
            is_right = value is None or (_is_number(value, int, float) and value > 0)
            return "" if is_right else "give a positive number of seconds, or None for no limit."
        case "retry_on" | "discard_on":
            return _problem_of_exceptions(value)
        case _:
            return "" if isinstance(value, bool) else "give True or False."


def _problem_of_exceptions(value: Any) -> str:
    if not isinstance(value, list | tuple | set | frozenset):
        return "give a list of exceptions, as classes or as dotted paths."
    is_right = all(isinstance(one, str) or (isinstance(one, type) and issubclass(one, BaseException)) for one in value)
    return "" if is_right else "each is an exception class, or a dotted path to one."


def unknown_exceptions(given: Mapping[str, Any]) -> list[str]:
    """Dotted paths in retry_on and discard_on that lead to no exception. Asked when every module can be imported."""
    chosen = {name: given[name] for name in ("retry_on", "discard_on") if name in given}
    return [
        f"{name} names {path!r}, which is no exception that can be imported."
        for name, paths in chosen.items()
        for path in (paths if not _problem_of_exceptions(paths) else ())
        if isinstance(path, str) and not _is_exception(path)
    ]


def _is_exception(path: str) -> bool:
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, BaseException)


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
