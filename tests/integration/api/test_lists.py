"""Lists over HTTP: pages that hold still, filters that find what they name, and an end to what takes too long."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import CharField, Func, Value
from django.utils import timezone

from jobs.api import queries
from jobs.domain.journal import Executor
from jobs.domain.states import State
from jobs.models import Job
from tests import factories
from tests.integration.api.conftest import Caller


def ids_of(caller: Caller, query: str = "") -> list[str]:
    answer = caller.get(f"/api/tasks?{query}")
    assert answer.status_code == 200, answer.content
    return [task["task_id"] for task in answer.json()["results"]]


class TestLists:
    def test_newest_first_page_by_page_and_back(self, viewer: Caller) -> None:
        jobs = [str(job.id) for job in factories.make_jobs(7)][::-1]
        pages, url = [], "/api/tasks?page_size=3"
        while url:
            page = viewer.get(url).json()
            pages.append(page)
            url = page["next"]
        assert [[task["task_id"] for task in page["results"]] for page in pages] == [jobs[:3], jobs[3:6], jobs[6:]]
        assert pages[0]["previous"] is None
        back = viewer.get(pages[2]["previous"]).json()
        assert [task["task_id"] for task in back["results"]] == jobs[3:6]
        first = viewer.get(back["previous"]).json()
        assert [task["task_id"] for task in first["results"]] == jobs[:3]
        assert first["previous"] is None
        assert viewer.get(first["next"]).json()["results"] == pages[1]["results"]

    def test_a_page_stays_what_it_is_while_jobs_arrive(self, viewer: Caller) -> None:
        factories.make_jobs(4)
        url = viewer.get("/api/tasks?page_size=2").json()["next"]
        before = viewer.get(url).json()["results"]
        factories.make_jobs(5)
        assert viewer.get(url).json()["results"] == before

    def test_a_link_keeps_the_filter(self, viewer: Caller) -> None:
        dead = [str(job.id) for job in factories.make_jobs(3, State.DEAD)]
        factories.make_jobs(3)
        page = viewer.get("/api/tasks?state=dead&page_size=2").json()
        rest = viewer.get(page["next"]).json()
        assert [task["task_id"] for task in page["results"] + rest["results"]] == dead[::-1]

    def test_50_a_page_and_200_at_most(self, viewer: Caller) -> None:
        factories.make_jobs(201)
        assert len(ids_of(viewer)) == 50
        assert len(ids_of(viewer, "page_size=200")) == 200

    def test_every_filter_finds_what_it_names(self, viewer: Caller) -> None:
        now = timezone.now()
        old = factories.make_job(State.SUCCEEDED, now=now - timedelta(days=2))
        mine = factories.make_job(
            State.RETRYING, task="send_email", queue="high", tags=["vip", "a"], correlation_id="order-7",
            error_type="TimeoutError", error="slow", by=Executor("worker@mine", "b" * 16, 1, 1),
        )  # fmt: skip
        factories.make_job(tags=["vipp"])
        for query in (
            "state=retrying", "status=RETRY", "task_type=send_email", "priority=high", "tag=vip",
            "correlation_id=order-7", "worker=worker%40mine", "error=TimeoutError", "q=order-7", "q=send_",
            f"q={mine.id}", f"q={str(mine.id).replace('-', '')}", "state=retrying&priority=high&tag=a",
        ):  # fmt: skip
            assert ids_of(viewer, query) == [str(mine.id)], query
        yesterday = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert ids_of(viewer, f"created_before={yesterday}") == [str(old.id)]
        assert str(old.id) not in ids_of(viewer, f"created_after={yesterday}")
        assert ids_of(viewer, "task_type=nothing") == ids_of(viewer, "tag=vi") == ids_of(viewer, "q=%25") == []

    def test_a_cursor_of_another_kind_of_list_leads_nowhere(self, admin: Caller) -> None:
        url = admin.get("/api/task-types?page_size=1").json()["next"]
        cursor = url.split("cursor=")[1].split("&")[0]
        assert admin.get(f"/api/tasks?cursor={cursor}").status_code == 404
        assert admin.get(f"/api/audit?cursor={cursor}").status_code == 404

    def test_short_lists_have_pages_too(self, viewer: Caller) -> None:
        seen, url = [], "/api/task-types?page_size=3"
        while url:
            page = viewer.get(url).json()
            assert set(page) == {"next", "previous", "results"}
            seen += [kind["task_type"] for kind in page["results"]]
            url = page["next"]
        assert seen == sorted(seen)
        assert {"send_email", "noop", "always_fails"} <= set(seen)
        assert not any(name.startswith("celery.") for name in seen)

    @pytest.mark.sqlite_only
    def test_a_list_that_takes_too_long_is_stopped_by_sqlite(self, viewer: Caller, settings: Any) -> None:
        factories.make_jobs(3_000)
        settings.TASKQUEUE = {**settings.TASKQUEUE, "LIST_TIMEOUT_SECONDS": 0.001}
        answer = viewer.get("/api/tasks?tag=none-has-it")
        assert answer.status_code == 400
        assert "narrow the filter" in answer.json()["detail"]
        settings.TASKQUEUE = {**settings.TASKQUEUE, "LIST_TIMEOUT_SECONDS": 5.0}
        assert ids_of(viewer, "tag=none-has-it") == []

    @pytest.mark.postgres_only
    def test_a_list_that_takes_too_long_is_stopped_by_postgresql(
        self, viewer: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        factories.make_job()
        nap = Func(
            Value(3.0), function="pg_sleep", template="%(function)s(%(expressions)s)::text", output_field=CharField()
        )
        monkeypatch.setattr(queries, "jobs", lambda _actor: Job.objects.annotate(nap=nap).exclude(nap="x"))
        settings.TASKQUEUE = {**settings.TASKQUEUE, "LIST_TIMEOUT_SECONDS": 0.2}
        answer = viewer.get("/api/tasks")
        assert answer.status_code == 400
        assert "narrow the filter" in answer.json()["detail"]
