"""Which failures are one group, and which are not."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlq.fingerprint import fingerprint, normalise, title
from jobs.domain.journal import Failure

FRAMES = ("shop.tasks:charge", "shop.gateway:Client.post")


def failure(**given: object) -> Failure:
    known = {"type": "shop.GatewayError", "message": "no answer", "frames": FRAMES}
    return Failure(**{**known, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(20))
def test_messages_that_differ_in_ids_numbers_and_paths_are_one_kind(number: int) -> None:
    message = (
        f"Order {number} of usr_{number}9x at /srv/in/{number}/a.csv (https://x.test/{number}?q=1) failed: "
        f"'{uuid4()}' for a{number}@b.test, trace {uuid4()}, token {uuid4().hex}, at 0x7f{number:04x}"
    )
    first = (
        f"Order 99 of usr_999x at /srv/in/99/a.csv (https://x.test/99?q=1) failed: "
        f"'{uuid4()}' for a99@b.test, trace {uuid4()}, token {uuid4().hex}, at 0x7f0063"
    )
    assert normalise(message) == normalise(first)


def test_a_message_keeps_the_words_that_say_what_happened() -> None:
    assert normalise("User 17 can't open '/tmp/x' and won't try") == "User <n> can't open <text> and won't try"
    assert normalise("No space left on /dev/sda1") == "No space left on <path>"
    assert normalise("SMTP server answered 451: try again later") == "SMTP server answered <n>: try again later"


def test_with_frames_the_message_does_not_count() -> None:
    assert fingerprint("charge", failure(message="user 1")) == fingerprint("charge", failure(message="another thing"))


def test_without_frames_the_normalised_message_counts() -> None:
    assert fingerprint("t", failure(frames=(), message="job 1 lost")) == fingerprint(
        "t", failure(frames=(), message="job 2 lost")
    )
    assert fingerprint("t", failure(frames=(), message="job 1 lost")) != fingerprint(
        "t", failure(frames=(), message="job 1 found")
    )


def test_line_numbers_are_not_part_of_a_frame_so_an_edit_above_changes_nothing() -> None:
    assert "line" not in str(FRAMES)
    assert fingerprint("charge", failure(traceback="line 1")) == fingerprint("charge", failure(traceback="line 2"))


@pytest.mark.parametrize(
    "other",
    [
        failure(type="shop.OtherError"),
        failure(causes=("KeyError",)),
        failure(frames=("shop.tasks:charge", "shop.gateway:Client.get")),
        failure(frames=()),
    ],
)
def test_another_exception_cause_or_place_is_another_group(other: Failure) -> None:
    assert fingerprint("charge", other) != fingerprint("charge", failure())


def test_the_same_line_with_another_cause_is_another_group() -> None:
    from_key, from_value = failure(causes=("KeyError",)), failure(causes=("ValueError",))
    assert fingerprint("charge", from_key) != fingerprint("charge", from_value)


def test_another_task_is_another_group_unless_the_tasks_say_otherwise() -> None:
    assert fingerprint("charge", failure()) != fingerprint("refund", failure())
    assert fingerprint("charge", failure(), key="gateway") == fingerprint("refund", failure(type="X"), key="gateway")


def test_how_deep_a_recursion_went_does_not_matter() -> None:
    def nested(depth: int) -> Failure:
        return failure(frames=("shop.tasks:walk", *(("shop.tree:visit", "shop.tree:descend") * depth)))

    assert fingerprint("walk", nested(3)) == fingerprint("walk", nested(500))


def test_a_long_way_counts_by_its_ends() -> None:
    def by_way_of(middle: str) -> Failure:
        return failure(frames=(*(f"a:f{n}" for n in range(8)), middle, *(f"b:f{n}" for n in range(8))))

    assert fingerprint("t", by_way_of("c:one")) == fingerprint("t", by_way_of("c:two"))


def test_a_title_says_the_kind_and_the_words() -> None:
    assert title(failure(message="user 17 is gone\nsecond line")) == "GatewayError: user <n> is gone"
    assert title(Failure()) == "Without a word"
    assert title(Failure(type="WorkerLost")) == "WorkerLost"


@given(st.text(max_size=3_000))
def test_any_text_has_a_fingerprint_and_a_short_title(text: str) -> None:
    made = fingerprint(text, Failure(type=text, message=text))
    assert len(made) == 32
    assert int(made, 16) >= 0
    assert len(title(Failure(type=text, message=text))) <= 300


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["'", '"', "/", "a/", "a.", "@", "a@", "0", "a0", "\\", "0x", "http://", "-"])
def test_no_message_takes_long(piece: str) -> None:
    for _ in range(20):
        normalise(piece * 10_000)
