"""Makes sure that a value can be kept: as JSON, in PostgreSQL and SQLite, of bearable size and depth.

`accept` refuses what a caller sends wrong; `mend` repairs what a task returns, for refusing would lose its outcome.
"""

import json
import math
import re
from typing import Any

from kombu.exceptions import EncodeError
from kombu.utils import json as kombu_json

from jobs.domain.errors import TallyError

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_encode = kombu_json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_WORD, _SMALL = 64, 1 << 53
_LONGEST = 2 * (2 * _WORD + 3)  # bytes of a name and a word, were each of their characters escaped
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class NotStorable(TallyError):
    code = "not_storable"


class TooLarge(TallyError):
    code = "too_large"


def accept(value: Any, *, what: str, max_bytes: int, max_depth: int) -> Any:
    """The value as plain JSON (dates and the like as kombu tags them). Refuses what can't be stored.

    `max_bytes` is of the shortest way to write it.
    """
    if max_depth >= 1 and _is_everyday(value, max_bytes):
        return dict(value)
    text = _dump(value, what=what)
    size = len(text.encode("utf-8"))
    if size > max_bytes:
        raise TooLarge(
            f"{what} has {size:,} bytes; at most {max_bytes:,} are taken. Store it elsewhere, pass a reference."
        )
    plain = json.loads(text)
    if depth_of(plain, stop_at=max_depth) > max_depth:
        raise NotStorable(f"{what} is nested more than {max_depth} levels deep.")
    if '"__type__"' in text:
        _check_tags(plain, what=what)
    return plain


def _is_everyday(value: Any, max_bytes: int) -> bool:
    """A flat object of short plain words and small numbers, as most payloads are: JSON would only copy it."""
    if type(value) is not dict or len("{}") + len(value) * _LONGEST > max_bytes:
        return False
    for name, item in value.items():
        if type(name) is not str or not _is_word(name) or name == "__type__":
            return False
        kind = type(item)
        is_small = item is None or kind is bool or (kind is int and -_SMALL < item < _SMALL)
        if not is_small and not (kind is str and _is_word(item)):
            return False
    return True


def _is_word(text: str) -> bool:
    return len(text) <= _WORD and text.isascii() and text.isprintable()


def revive(value: Any) -> Any:
    """The other way: tagged dates, decimals and UUIDs become objects again, as a worker gets them."""
    return kombu_json.loads(json.dumps(value))


def mend(value: Any) -> Any:
    """A copy in which text and numbers that no database takes are replaced by ones that say so."""
    match value:
        case str():
            return mend_text(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {mend_text(str(key)): mend(item) for key, item in value.items()}
        case list() | tuple():
            return [mend(item) for item in value]
        case _:
            return value


def mend_text(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def depth_of(value: Any, *, stop_at: int) -> int:
    """How deep containers nest; stops counting just beyond `stop_at`."""
    level = 0
    layer: list[Any] = [value] if isinstance(value, dict | list) else []
    while layer and level <= stop_at:
        layer = [
            item
            for container in layer
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        level += 1
    return level


def _check_tags(plain: Any, *, what: str) -> None:
    """A caller's own `__type__` must be one that a worker can read, or the message could not be decoded."""
    try:
        revive(plain)
    except (ValueError, TypeError, ArithmeticError, AttributeError):
        raise NotStorable(
            f"{what} has an object of __type__ and __value__ that stands for no date, number or the like. "
            "Name its keys otherwise."
        ) from None


def _dump(value: Any, *, what: str) -> str:
    try:
        text = _encode(value)
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStorable(f"{what} contains half of a surrogate pair, which is no text.") from None
    except RecursionError:
        raise NotStorable(f"{what} is nested too deep, or contains itself.") from None
    except (TypeError, EncodeError) as error:
        raise NotStorable(f"{what} can't be written as JSON: {error}") from None
    except ValueError as error:
        raise NotStorable(f"{what} contains a number that JSON does not have: {error}") from None
    if "\\u0000" in text and _NUL.search(text):
        raise NotStorable(f"{what} contains a NUL character, which no database stores.")
    return text
