"""The audit trail by who, what and when, as a page and as a file; and what the installation says of itself."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.utils import timezone

from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.models import Action
from jobs.models.ids import lowest_at


def note_at(at: datetime, verb: str = "pause", *, who: str = "olga", obj: str = "queue:high") -> None:
    action = actions.compose(Actor(who), verb, obj, reason="deploy")
    action.id, action.at = lowest_at(at), at
    action.save()


def listed(client: Client, query: str) -> list[str]:
    return [action.verb for action in client.get(f"/audit/?{query}").context["page"].actions]


def exported(client: Client, query: str) -> list[dict[str, Any]]:
    response: Any = client.get(f"/audit/?format=jsonl&{query}")
    return [json.loads(line) for line in b"".join(response.streaming_content).decode().splitlines()]


def test_actions_are_found_by_when_who_and_what(operator: Client) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    note_at(noon - timedelta(hours=2), "pause")
    note_at(noon, "resume", who="ada")
    note_at(noon + timedelta(hours=2), "cancel", obj="job:x")
    for query, verbs in (
        ("", ["cancel", "resume", "pause"]),
        ("since=2026-11-20T12:00", ["cancel", "resume"]),
        ("until=2026-11-20T12:00", ["pause"]),
        ("since=2026-11-20T11:00&until=2026-11-20T13:00", ["resume"]),
        ("actor=ada", ["resume"]),
        ("action=pause&object=queue:high", ["pause"]),
    ):
        assert listed(operator, query) == verbs
        assert [row["verb"] for row in exported(operator, query)] == verbs[::-1]
    assert operator.get("/audit/?since=yesterday").status_code == 400


def test_the_trail_is_paged_without_gap_or_repetition(operator: Client) -> None:
    for minutes in range(60):
        note_at(timezone.now() - timedelta(minutes=minutes))
    first = operator.get("/audit/").context["page"]
    rest = operator.get(f"/audit/?cursor={first.older}").context["page"]
    found = [action.id for action in [*first.actions, *rest.actions]]
    assert found == list(Action.objects.order_by("-id").values_list("id", flat=True))


def test_a_file_is_sent_piece_by_piece_where_requests_are_asynchronous(operator: Client) -> None:
    async def fetch() -> tuple[bool, bytes]:
        client = AsyncClient()
        client.cookies = operator.cookies
        response: Any = await client.get("/jobs/export/?as=json&search=")
        return response.is_async, b"".join([piece async for piece in response.streaming_content])

    assert async_to_sync(fetch)() == (True, b"[]\n")


def test_the_installation_says_what_it_is_made_of_and_what_is_wrong(operator: Client) -> None:
    response = operator.get("/about/")
    found = response.context["installation"]
    assert {"Python", "Django", "Celery"} <= {fact.name for fact in found.versions}
    assert {"Version", "Eviction"} <= {fact.name for fact in found.redis}
    assert {"Server", "Size"} <= {fact.name for fact in found.database}
    text = response.content.decode()
    assert "KEEP_FINAL_SECONDS" in text
    assert "jobs.purge_queue" in text
    assert "hunter2" not in text
    assert not any("URL" in name or "SECRET" in name for name, _ in found.settings)
