"""Which values can be kept, which are refused, and how a result is mended."""

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.intake import storable
from jobs.intake.storable import NotStorable, TooLarge

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
    max_leaves=20,
)


def accept(value: Any, *, max_bytes: int = 10_000, max_depth: int = 32) -> Any:
    return storable.accept(value, what="payload", max_bytes=max_bytes, max_depth=max_depth)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(PLAIN)
def test_plain_json_stays_as_it_is(value: Any) -> None:
    assert accept(value) == value


WORDS = st.sampled_from(
    [
        "",
        "a",
        "_x",
        "__type__",
        "__value__",
        "datetime",
        "no\nword",
        '"',
        "\\",
        "ü",
        "\x00",
        "\ud800",
        "x" * 64,
        "x" * 65,
    ]
)
SMALL: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.just([])


@example({'"' * 64: "\\" * 64}, 262)
@example({"__type__": "datetime", "__value__": "a"}, 2_000)
@given(st.dictionaries(WORDS | st.integers(), SMALL, max_size=5), st.sampled_from([2, 20, 300, 2_000]))
def test_everyday_values_are_taken_as_all_others_are(value: Any, max_bytes: int) -> None:
    """The short way to accept one accepts, and refuses, what the long way does."""

    def outcome() -> str:
        try:
            return repr(accept(value, max_bytes=max_bytes))
        except (NotStorable, TooLarge) as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storable, "_is_everyday", lambda *_: False)
        expected = outcome()
    assert outcome() == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a\x00b", "NUL"),
        ({"a\x00b": 1}, "NUL"),
        (["deep", {"in": "a\x00"}], "NUL"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        (float("nan"), "number"),
        (float("inf"), "number"),
        ([-math.inf], "number"),
        (object(), "JSON"),
        ({1, 2}, "JSON"),
    ],
)
def test_what_no_database_stores_is_refused(value: Any, why: str) -> None:
    with pytest.raises(NotStorable, match=why):
        accept(value)


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "C:\\u0000dir", "😀", "\u2028", "\x01", "\x7f"])
def test_text_that_only_looks_odd_is_kept(text: str) -> None:
    assert accept({text: text}) == {text: text}


def test_a_backslash_before_a_nul_hides_nothing() -> None:
    for text in ("\\\x00", "\\\\\x00", "\x00\\u0000"):
        with pytest.raises(NotStorable):
            accept(text)


def test_thirty_two_levels_are_kept_and_one_more_is_refused() -> None:
    assert accept(nested(32)) == nested(32)
    with pytest.raises(NotStorable, match="more than 32 levels"):
        accept(nested(33))


def test_what_is_bottomless_is_refused() -> None:
    with pytest.raises(NotStorable):
        accept(nested(100_000))
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotStorable):
        accept(circle)


def test_the_size_is_counted_in_bytes_of_the_shortest_json() -> None:
    assert accept({"a": 1, "b": [1, 2]}, max_bytes=len('{"a":1,"b":[1,2]}'))
    with pytest.raises(TooLarge, match="payload has 17 bytes; at most 16"):
        accept({"a": 1, "b": [1, 2]}, max_bytes=16)
    with pytest.raises(TooLarge):
        accept("ü" * 10, max_bytes=21)
    assert accept("ü" * 10, max_bytes=22)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
        date(2026, 2, 3),
        time(4, 5),
        Decimal("1.50"),
        UUID(int=7),
        {"in": [date(2026, 2, 3)]},
    ],
)
def test_tagged_values_come_back_as_what_they_were(value: Any) -> None:
    assert storable.revive(accept(value)) == value


@pytest.mark.parametrize("tag", ["unheard_of", "datetime", "uuid"])
def test_a_tag_that_no_worker_could_read_is_refused(tag: str) -> None:
    with pytest.raises(NotStorable, match="__type__"):
        accept({"x": {"__type__": tag, "__value__": "rubbish"}})


def test_a_lookalike_of_a_tag_is_kept() -> None:
    value = {"__type__": "datetime", "more": 1}
    assert storable.revive(accept(value)) == value


@given(PLAIN)
def test_mending_leaves_good_values_alone(value: Any) -> None:
    assert storable.mend(value) == value


def test_mending_makes_any_text_and_number_storable() -> None:
    mended = storable.mend({"a\x00": ["\ud800", math.nan, -math.inf, (1, "\x00")]})
    assert mended == {"a\ufffd": ["\ufffd", "nan", "-inf", [1, "\ufffd"]]}
    assert accept(mended) == mended


def test_depth_is_counted_as_far_as_asked() -> None:
    values: list[Any] = [1, [], {}, [[]], {"a": [{}]}]
    assert [storable.depth_of(value, stop_at=10) for value in values] == [0, 1, 1, 2, 3]
    assert storable.depth_of(nested(5_000), stop_at=10) == 11
