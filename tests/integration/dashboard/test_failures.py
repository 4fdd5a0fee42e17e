"""Triage: every number leads to exactly what it counts, and a requeued group is watched where it was requeued."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import timezone

from dlq import requeue, running, triage
from dlq.models import DeadLetter, Group, Operation
from jobs.domain.actors import CODE
from jobs.domain.journal import Failure
from jobs.keeper import sampler
from jobs.lifecycle import recording
from jobs.models import Job
from tests import factories

PLAIN = Failure("shop.Refused", "order 17 was refused", frames=("shop:pay",))


class Cells(HTMLParser):
    """Every link in a cell of the matrix: what it says and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._in_cell = False
        self._href = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "td":
            self._in_cell = "cell" in (given.get("class") or "")
        if tag == "a" and self._in_cell:
            self._href = given.get("href") or ""

    def handle_data(self, data: str) -> None:
        if self._href:
            self.found.append((data, self._href))
            self._href = ""


@pytest.fixture
def deaths() -> None:
    """Two kinds of failure over a week, one job that died twice today, two tasks and two queues."""
    now = timezone.now()
    for hours, count in ((0.1, 3), (2, 2), (20, 1), (60, 1), (150, 2)):
        at_ms = factories.milliseconds(now - timedelta(hours=hours))
        factories.make_letters(count, task="charge", queue="high", failure=PLAIN, at_ms=at_ms)
    factories.make_letters(2, task="refund", queue="low", failure=Failure("KeyError", "x", frames=("shop:refund",)))
    [twice] = factories.make_letters(1, task="charge", queue="high", failure=PLAIN)
    requeue.requeue(twice.id, actor=CODE)
    job = Job.objects.get(id=twice.job_id)
    again = factories.buried(job, 2)
    recording.record([factories.started(job, 2), factories.ended(job, 2, outcome=again.outcome, verdict=again.verdict, failure=PLAIN)])  # fmt: skip
    sampler.sample(now)


@pytest.mark.parametrize("by", ["fingerprint", "task", "exception", "queue"])
@pytest.mark.usefixtures("deaths")
def test_every_number_leads_to_a_list_of_as_many(operator: Client, by: str) -> None:
    cells = Cells(operator.get(f"/failures/?group={by}&window=7d&status=all").content.decode()).found
    assert [int(said) for said, _ in cells] == [5, 7, 8, 9, 11, 2, 2, 2, 2, 2]
    for said, href in cells:
        page = operator.get(href).context["page"]
        assert (page.count, len(page.letters)) == (int(said), int(said)), href


@pytest.mark.usefixtures("deaths")
def test_a_bundle_leads_to_its_groups(operator: Client) -> None:
    text = operator.get("/failures/?group=exception&window=7d").content.decode()
    assert "exception=shop.Refused" in text
    rows = operator.get("/failures/?group=fingerprint&status=all&window=7d&exception=shop.Refused").context["rows"]
    assert [row.group.error_type for row in rows] == ["shop.Refused"]
    rows = operator.get("/failures/?status=all&window=7d&queue=low").context["rows"]
    assert [row.group.error_type for row in rows] == ["KeyError"]


@pytest.mark.usefixtures("deaths")
def test_letters_are_narrowed_by_what_was_decided(operator: Client) -> None:
    assert operator.get("/failures/letters/?resolution=requeued").context["page"].count == 1
    assert operator.get("/failures/letters/?resolution=open&task=refund").context["page"].count == 2
    assert operator.get("/failures/letters/?resolution=lost").status_code == 400
    assert operator.get("/failures/letters/?since=yesterday").status_code == 400


def test_letters_are_paged_without_gap_or_repetition(operator: Client) -> None:
    meant = [str(letter.id) for letter in reversed(factories.make_letters(60))]
    first = operator.get("/failures/letters/").context["page"]
    rest = operator.get(f"/failures/letters/?cursor={first.older}").context["page"]
    assert [str(letter.id) for letter in [*first.letters, *rest.letters]] == meant
    assert (first.count, rest.older) == (60, "")


@pytest.mark.usefixtures("deaths")
def test_a_viewer_reads_letters_without_their_texts(viewer: Client) -> None:
    text = viewer.get("/failures/letters/").content.decode()
    assert "Refused" in text
    assert "order 17" not in text


def test_a_group_says_where_it_strikes_and_how_it_went_over_a_week(operator: Client) -> None:
    [first, _] = factories.make_letters(2, queue="high", task="charge")
    found = operator.get(f"/failures/{first.fingerprint}/").context["found"]
    spread = {name: [(share.value, share.count) for share in shares] for name, shares in found.spread}
    assert spread == {
        "task": [("charge", 2)],
        "queue": [("high", 2)],
        "worker": [("worker@test", 2)],
        "reason": [("exhausted", 2)],
    }
    assert (len(found.hours), found.hours[-1]) == (168, 2)


def test_a_requeued_group_is_watched_in_place_until_it_is_drained_and_resolved(operator: Client) -> None:
    letters = factories.make_letters(3)
    group = f"/failures/{letters[0].fingerprint}/"
    data = {"verb": "requeue", "canary": "1", "rate": "1000", "stop": "10", "reason": "fixed"}
    assert operator.post(f"{group}operate/", data)["Location"] == f"{group}#operations"
    runner, now = running.Runner(), timezone.now()

    def steps() -> list[tuple[str, str]]:
        [progress] = operator.get(group).context["found"].operations
        return [(step.title.split(" ")[0], step.state) for step in progress.steps]

    assert steps() == [("Canary", "pending"), ("The", "pending"), ("What", "pending")]
    for clock in (0.0, 10.0):
        runner.run_once(now, clock=clock)
    assert steps() == [("Canary", "running"), ("The", "pending"), ("What", "running")]
    _succeed(letters)
    for clock in (20.0, 30.0, 40.0):
        runner.run_once(now, clock=clock)
        _succeed(letters)
    runner.run_once(now, clock=50.0)
    runner.run_once(now, clock=60.0)
    assert Group.objects.get().state == "resolved"
    assert steps() == [("Canary", "succeeded"), ("The", "finished"), ("Drained,", "succeeded")]


def _succeed(letters: list[DeadLetter]) -> None:
    queued = Job.objects.filter(id__in=[letter.job_id for letter in letters], state="queued")
    recording.record([entry for job in queued for entry in (factories.started(job, 2), factories.ended(job, 2))])


def test_a_bad_canary_leaves_the_rest_alone_and_shows_what_died(operator: Client) -> None:
    letters = factories.make_letters(3)
    operator.post(f"/failures/{letters[0].fingerprint}/operate/", {"verb": "requeue", "canary": "1", "reason": "try"})
    runner, now = running.Runner(), timezone.now()
    for clock in (0.0, 10.0):
        runner.run_once(now, clock=clock)
    job = Job.objects.get(state="queued")
    recording.record([factories.started(job, 2), factories.buried(job, 2)])
    runner.run_once(now, clock=20.0)
    operation = Operation.objects.get()
    response = operator.get(f"/operations/{operation.id}/")
    assert [step.state for step in response.context["found"].steps][:2] == ["stopped", "cancelled"]
    assert [(t.item.job_id, t.error) for t in response.context["troubles"]] == [(job.id, "it broke")]
    report = b"".join(operator.get(f"/api/dlq/operations/{operation.id}/report").streaming_content)  # type: ignore[attr-defined]
    assert report.decode().count("\n") == 4


def test_a_whole_group_is_discarded_only_when_that_is_typed(operator: Client) -> None:
    [letter] = factories.make_letters(1)
    group = f"/failures/{letter.fingerprint}/"
    data = {"verb": "discard", "reason": "no use", "back": group}
    refused = operator.post(f"{group}operate/", data, follow=True)
    assert "Type discard to confirm" in str(next(iter(refused.context["messages"])))
    assert Operation.objects.count() == 0
    operator.post(f"{group}operate/", {**data, "typed": "discard"})
    assert Operation.objects.get().verb == "discard"


def test_a_group_is_muted_until_so_many_more_have_died(operator: Client) -> None:
    [letter] = factories.make_letters(1)
    data = {"verb": "mute", "for": "7d", "deaths": "3", "reason": "known"}
    operator.post(f"/failures/{letter.fingerprint}/triage/", data)
    group = Group.objects.get()
    assert (group.state, group.muted_until_total) == ("muted", 4)


def test_muted_groups_are_found_under_their_status(operator: Client) -> None:
    [letter] = factories.make_letters(1)
    triage.mute(letter.fingerprint, actor=CODE, deaths=5)
    assert operator.get("/failures/").context["rows"] == []
    assert len(operator.get("/failures/?status=muted").context["rows"]) == 1
