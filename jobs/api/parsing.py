"""JSON in, strictly: UTF-8, no key twice, no number that JSON doesn't have; no more bytes are read than the view takes."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from jobs import conf
from jobs.api.errors import ContentTooLarge


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        context = parser_context or {}
        limit = getattr(context.get("view"), "body_max_bytes", None) or conf.current().BODY_MAX_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise ContentTooLarge(f"The body has more than {limit:,} bytes.")
        return loads(body)


def loads(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_refuse, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start} is not.") from None
    except RecursionError:
        raise ParseError("The body is nested too deep.") from None
    except ValueError as error:
        raise ParseError(f"The body is no JSON: {error}") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is beyond the numbers that can be stored")
    return number
