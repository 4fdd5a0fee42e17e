"""From what a caller wants to the row it becomes: every limit, every default."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import TallyError
from jobs.domain.states import Source, State
from jobs.intake import drafts, registry
from jobs.intake.drafts import Draft, DraftInvalid
from jobs.intake.registry import UnknownQueue, UnknownTask
from jobs.intake.schema import PayloadInvalid
from jobs.intake.storable import NotStorable, TooLarge
from jobs.models import Job
from tests.support import called_tasks

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
NOOP = Draft(task="noop", payload={"x": 1})


def made(draft: Draft = NOOP, **changes: Any) -> Job:
    return drafts.make_job(replace(draft, **changes), actor=CODE, source=Source.CODE, now=NOW)


def refused(**changes: Any) -> str:
    with pytest.raises(DraftInvalid) as caught:
        made(**changes)
    assert caught.value.field in str(caught.value)
    return caught.value.field


def test_a_draft_without_a_date_is_queued_now() -> None:
    job = made()
    assert (job.state, job.run_at, job.queued_at, job.published_at) == (State.QUEUED, None, NOW, NOW)
    assert (job.task, job.queue, job.payload, job.max_retries) == ("noop", "default", {"x": 1}, 0)
    assert (job.source, job.submitted_by, job.created_at) == (Source.CODE, "code", NOW)


def test_a_delay_schedules_the_job() -> None:
    for job in (made(delay_seconds=30), made(run_at=LATER)):
        assert (job.state, job.run_at, job.queued_at, job.published_at) == (State.SCHEDULED, LATER, None, None)


@pytest.mark.parametrize("changes", [{"run_at": NOW - timedelta(days=1)}, {"delay_seconds": -5}, {"delay_seconds": 0}])
def test_a_past_date_means_now(changes: dict[str, Any]) -> None:
    assert (made(**changes).state, made(**changes).run_at) == (State.QUEUED, None)


def test_a_delay_and_a_date_together_are_refused() -> None:
    assert refused(delay_seconds=1, run_at=LATER) == "delay_seconds"


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), 1e18, "5", True, [1]])
def test_a_delay_that_is_no_time_is_refused(delay: Any) -> None:
    assert refused(delay_seconds=delay) == "delay_seconds"


@pytest.mark.parametrize("field", ["run_at", "expires_at"])
@pytest.mark.parametrize(
    "value",
    [
        "tomorrow",
        5,
        datetime(2030, 1, 1),  # noqa: DTZ001  (that is the point)
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_date_must_be_one_with_a_zone_and_within_the_calendar(field: str, value: Any) -> None:
    assert refused(**{field: value}) == field


def test_what_has_expired_already_is_refused() -> None:
    assert refused(expires_at=NOW) == "expires_at"
    assert made(expires_at=LATER).expires_at == LATER


def test_what_the_queue_itself_submits_may_have_expired_already() -> None:
    assert made(expires_at=NOW, trusted=True).expires_at == NOW


@pytest.mark.parametrize("max_retries", [-2, 32_768, "3", 1.5, True])
def test_a_number_of_retries_that_is_none_is_refused(max_retries: Any) -> None:
    assert refused(max_retries=max_retries) == "max_retries"


def test_the_number_of_retries_is_the_tasks_unless_given() -> None:
    assert made(task="send_email", payload={"to": "a", "subject": "b", "body": "c"}).max_retries == 5
    assert made(max_retries=7).max_retries == 7
    assert made(max_retries=None).max_retries is None


@pytest.mark.parametrize("tags", [["x"] * 21, ["x" * 51], [""], "abc", [1], None, ["nul \x00"], {"a": 1}, 5])
def test_tags_beyond_their_limits_are_refused(tags: Any) -> None:
    with pytest.raises((DraftInvalid, NotStorable), match="tags"):
        made(tags=tags)


def test_twenty_tags_of_fifty_characters_are_kept() -> None:
    tags = [f"{number:050}" for number in range(20)]
    assert made(tags=tags).tags == tags
    assert made(tags=["ümlaut 😀"]).tags == ["ümlaut 😀"]


@pytest.mark.parametrize("value", ["x" * 201, 5, None])
def test_a_correlation_id_beyond_its_limits_is_refused(value: Any) -> None:
    assert refused(correlation_id=value) == "correlation_id"
    assert made(correlation_id="ü" * 200).correlation_id == "ü" * 200


def test_a_correlation_id_no_database_stores_is_refused() -> None:
    with pytest.raises(NotStorable, match="correlation_id"):
        made(correlation_id="a\x00")


@pytest.mark.parametrize("key", ["x" * 201, "ümlaut", "tab\t", "nul\x00", "\x7f", 5, None])
def test_an_idempotency_key_beyond_its_limits_is_refused(key: Any) -> None:
    assert refused(idempotency_key=key) == "idempotency_key"


def test_an_idempotency_key_of_two_hundred_printable_characters_is_kept() -> None:
    key = "".join(chr(32 + number % 95) for number in range(200))
    assert made(idempotency_key=key).idempotency_key == key


def test_an_unknown_task_or_queue_is_named() -> None:
    with pytest.raises(UnknownTask, match="send_mail"):
        made(task="send_mail")
    with pytest.raises(UnknownQueue, match=r"urgent.*high, default, low"):
        made(queue="urgent")


def test_a_queue_may_be_chosen() -> None:
    assert made(queue="low").queue == "low"
    assert made(task="typed", payload={"count": 1, "name": "n"}).queue == "high"


def test_a_payload_that_does_not_fit_the_task_is_refused() -> None:
    with pytest.raises(PayloadInvalid, match="name: This field is required"):
        made(task="typed", payload={"count": 1})


def payload_of(size: int) -> dict[str, str]:
    return {"x": "x" * (size - len('{"x":""}'))}


def test_a_payload_of_256_kib_is_kept_and_one_byte_more_is_refused() -> None:
    assert made(payload=payload_of(262_144)).payload == payload_of(262_144)
    with pytest.raises(TooLarge):
        made(payload=payload_of(262_145))


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"x": value}
    return value


def test_a_payload_of_32_levels_is_kept_and_one_more_is_refused() -> None:
    assert made(payload=nested(32)).payload == nested(32)
    with pytest.raises(NotStorable, match="more than 32 levels"):
        made(payload=nested(33))


@pytest.mark.parametrize("value", ["\x00", "\ud800", float("nan"), float("inf"), {1, 2}, object()])
def test_a_payload_no_database_stores_is_refused(value: Any) -> None:
    with pytest.raises(NotStorable, match="payload"):
        made(payload={"x": value})


def test_positional_arguments_become_named_ones() -> None:
    job = made(task="typed", args=(1, "n"), payload={"ratio": 2.0})
    assert (job.args, job.payload) == ([], {"count": 1, "name": "n", "ratio": 2.0})


def test_a_sensitive_task_makes_sensitive_jobs() -> None:
    assert made(task="secret", payload={"card": "4711"}).sensitive
    assert not made().sensitive


def test_what_is_given_by_name_is_payload_or_option() -> None:
    spec = registry.spec_of(called_tasks.typed)
    draft = drafts.draft_of(spec, {"count": 1, "name": "n", "tags": ["t"], "delay_seconds": 5})
    assert (draft.payload, draft.tags, draft.delay_seconds) == ({"count": 1, "name": "n"}, ["t"], 5)


def test_an_argument_of_the_task_is_no_option() -> None:
    spec = registry.spec_of(called_tasks.odd_names)
    draft = drafts.draft_of(spec, {"run_at": "now", "queue": "low"})
    assert (draft.payload, draft.run_at, draft.queue) == ({"run_at": "now"}, None, "low")


def test_the_submitters_name_is_kept_within_its_column() -> None:
    job = drafts.make_job(NOOP, actor=Actor("x" * 200), source=Source.API, now=NOW)
    assert job.submitted_by == "x" * 150


def test_every_refusal_is_an_error_with_a_stable_code() -> None:
    codes = {error.code for error in (DraftInvalid, UnknownTask, UnknownQueue, PayloadInvalid, NotStorable, TooLarge)}
    assert len(codes) == 6
    assert TallyError.code not in codes


def test_two_jobs_share_nothing_that_can_change() -> None:
    one, other = made(), made()
    shared = [
        name
        for name in (field.attname for field in Job._meta.concrete_fields)
        if getattr(one, name) is getattr(other, name) and isinstance(getattr(one, name), list | dict | UUID)
    ]
    assert shared == []
