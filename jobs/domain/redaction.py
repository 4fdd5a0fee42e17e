"""Hides the values of secret-looking keys in what is shown. What a task receives is never redacted."""

import re
from functools import cache
from typing import Any

REDACTED = "[redacted]"


def redact(value: Any, *, pattern: str) -> Any:
    """A copy in which every value whose key matches the pattern is replaced, however deep it lies."""
    return _redact(value, _compiled(pattern))


def is_secret(key: str, *, pattern: str) -> bool:
    return bool(_compiled(pattern).search(key))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _redact(value: Any, secret: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if secret.search(str(key)) else _redact(item, secret) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, secret) for item in value]
    return value


def restore(edited: Any, original: Any) -> Any:
    """What somebody made of a redacted copy, with every value that was hidden and left alone put back."""
    if isinstance(edited, dict) and isinstance(original, dict):
        return {
            key: original[key] if item == REDACTED and key in original else restore(item, original.get(key))
            for key, item in edited.items()
        }
    if isinstance(edited, list) and isinstance(original, list) and len(edited) == len(original):
        return [restore(item, before) for item, before in zip(edited, original, strict=True)]
    return edited
