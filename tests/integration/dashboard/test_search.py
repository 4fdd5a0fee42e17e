"""The search language: every word means one thing, and a mistake is answered in words."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from jobs.api import search
from jobs.api.search import Asking, SearchInvalid
from jobs.domain.actors import CODE
from jobs.domain.states import State
from jobs.models import Job
from tests import factories


def found(text: str) -> set[str]:
    now = timezone.now()
    return set(Job.objects.filter(search.parse(text, asking=Asking(now, CODE)).where).values_list("task", flat=True))


@pytest.fixture
def some_jobs() -> None:
    old = timezone.now() - timedelta(hours=2)
    factories.make_job(
        State.SUCCEEDED, task="mail", queue="high", payload={"to": {"name": "ada"}, "n": 5}, tags=["x y"]
    )
    factories.make_job(
        State.DEAD, task="mail.bounce", queue="low", error_type="app.Oops", error="It timed out", attempt=4
    )
    factories.make_job(
        State.QUEUED, task="old", queue="low", created_at=old, submitted_by="ada", correlation_id="order-1"
    )


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("", {"mail", "mail.bounce", "old"}),
        ("state:succeeded", {"mail"}),
        ("state:succeeded,dead", {"mail", "mail.bounce"}),
        ("state:FAILURE", {"mail.bounce"}),
        ("-state:succeeded queue:low", {"mail.bounce", "old"}),
        ("-queue:high,low", set()),
        ("task:mail", {"mail"}),
        ("task:mail*", {"mail", "mail.bounce"}),
        ("mail", {"mail", "mail.bounce"}),
        ("order-1", {"old"}),
        ("correlation:order-1", {"old"}),
        ('error:"timed out"', {"mail.bounce"}),
        ("error:Oops", {"mail.bounce"}),
        ('tag:"x y"', {"mail"}),
        ("actor:ada", {"old"}),
        ("attempt:>2", {"mail.bounce"}),
        ("attempt:<=1 -state:dead", {"mail", "old"}),
        ("age:>1h", {"old"}),
        ("age:<10m", {"mail", "mail.bounce"}),
        ("created:2001-01-01..2002-01-01", set()),
        ("created:>2001-01-01T00:00Z queue:high", {"mail"}),
        ("args.to.name:ada", {"mail"}),
        ("args.n:5", {"mail"}),
        ("args.contains:5", set()),
        ("worker:worker@test", {"mail", "mail.bounce"}),
        ("run:>1h", set()),
    ],
)
@pytest.mark.usefixtures("some_jobs")
def test_a_search_finds_what_it_says(text: str, tasks: set[str]) -> None:
    assert found(text) == tasks


def test_an_id_is_found_by_its_beginning_and_a_failure_by_its_fingerprint() -> None:
    [letter] = factories.make_letters(1, task="broken")
    factories.make_job(State.DEAD, task="other", error_type="app.Else")
    assert found(f"id:{letter.job_id}") == {"broken"}
    assert found(str(letter.job_id)) == {"broken"}
    assert found(f"fp:{letter.fingerprint}") == {"broken"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("color:red", "There is no field 'color'"),
        ("state:happy", "There is no state 'happy'"),
        ("queue:fast", "There is no queue 'fast'"),
        ("attempt:many", "give a number"),
        ("age:soon", "no duration"),
        ("age:9999999999w", "no duration"),
        ("created:yesterday", "no date"),
        ("created:2026-99-99", "no date"),
        ('task:"open', "A quote is not closed"),
        ("task:", "wants a value"),
        ("state:,", "no value"),
        ("args.:x", "wants a name"),
        ("id:xyz", "no beginning of an id"),
        ("x" * 1001, "at most 1000"),
        (" ".join(["a"] * 31), "at most 30 words"),
        ("a\x00b", "text"),
    ],
)
def test_a_mistake_is_answered_in_words(text: str, said: str) -> None:
    with pytest.raises(SearchInvalid, match=said.replace("(", "\\(")):
        found(text)


def test_the_page_says_the_mistake_under_the_box(operator: Client) -> None:
    response = operator.get("/jobs/?q=color:red")
    assert response.status_code == 400
    assert "There is no field &#x27;color&#x27;" in response.content.decode()
