"""A function's arguments as its caller gave them, and as the rows keep them: by name wherever they have one."""

import inspect
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

from jobs.django_tasks.framework import AnyTask, normalize_json

_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def signature_of(task: AnyTask) -> inspect.Signature:
    """What a caller gives: all but the context."""
    signature = inspect.signature(task.func)
    if not task.takes_context:
        return signature
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def accept(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as JSON. A call that Python would refuse is refused here; annotations are not enforced."""
    try:
        signature_of(task).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{task.module_path} can't be called like this: {error}.") from None
    try:
        plain: Any = [normalize_json(list(args)), normalize_json(dict(kwargs))]
    except RecursionError:
        raise ValueError(f"An argument of {task.module_path} is nested too deep, or contains itself.") from None
    return plain[0], plain[1]


def as_called(
    task: AnyTask, positional: int, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The first so many arguments by position again, as they were given."""
    if args or not positional:
        return list(args), dict(kwargs)
    names = [p.name for p in signature_of(task).parameters.values() if p.kind in _BY_POSITION][:positional]
    if not set(names) <= kwargs.keys():  # an operator has edited the payload
        return [], dict(kwargs)
    return [kwargs[name] for name in names], {name: kwargs[name] for name in kwargs if name not in names}
