"""Statistics, workers, queues, health, the audit, the schema and the probes."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.broker import connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.control import queues
from jobs.domain.actors import CODE
from jobs.domain.states import State
from jobs.keeper import sampler
from tests import factories
from tests.integration.api.conftest import Caller


class TestLiveViews:
    @pytest.fixture
    def beat(self) -> Beat:
        client = connections.patient()
        now_ms = connections.redis_ms(client)
        beat = Beat(
            incarnation="c" * 16, counter=3, at_ms=now_ms, name="high@host", host="host", pid=7, queues=("high",),
            concurrency=4, version="1", started_ms=now_ms - 5_000, rss_bytes=1, running=((str(uuid.uuid4()), 2, "noop"),),
        )  # fmt: skip
        heartbeats.write(client, beat)
        return beat

    def test_stats_have_the_seven_keys(self, viewer: Caller, beat: Beat) -> None:
        factories.make_jobs(3, queue="high")
        factories.make_jobs(2, queue="low")
        factories.make_job(State.RUNNING)
        factories.make_job(State.SCHEDULED)
        told = viewer.get("/api/workers/stats").json()
        seven = {
            "queued_high": 3, "queued_default": 0, "queued_low": 2, "active_tasks": 1, "failed_tasks": 0,
            "success_tasks": 0, "workers_online": 1,
        }  # fmt: skip
        assert {name: told[name] for name in seven} == seven

    def test_a_worker_is_told_with_what_it_runs(self, viewer: Caller, beat: Beat) -> None:
        told = viewer.get("/api/workers").json()["results"]
        assert [worker["name"] for worker in told] == ["high@host"]
        assert told[0].keys() >= {
            "name", "host", "pid", "queues", "concurrency", "busy", "running", "started_at", "last_beat_at", "version",
        }  # fmt: skip
        assert told[0]["running"] == [{"task_id": beat.running[0][0], "attempt": 2, "task_type": "noop"}]
        assert told[0]["busy"] == 1

    def test_queues_tell_who_paused_them_and_why(self, viewer: Caller, beat: Beat) -> None:
        factories.make_job(queue="high", now=timezone.now() - timedelta(seconds=60))
        queues.pause("low", actor=CODE, reason="a deploy")
        told = {queue["name"]: queue for queue in viewer.get("/api/queues").json()["results"]}
        assert told["high"]["waiting"] == 1
        assert told["high"]["oldest_seconds"] >= 60
        assert (told["high"]["workers"], told["low"]["workers"]) == (1, 0)
        assert (told["low"]["paused"], told["low"]["paused_by"], told["low"]["paused_reason"]) == (
            True, "code", "a deploy",
        )  # fmt: skip

    def test_health_is_ok_only_with_workers_for_every_queue_and_a_keeper(self, viewer: Caller, beat: Beat) -> None:
        def look() -> tuple[int, str]:
            answer = viewer.get("/api/workers/health")
            assert answer.json().keys() == {"status", "workers", "keeper", "broker", "database"}
            return answer.status_code, answer.json()["status"]

        assert look() == (200, "degraded")  # no keeper, and two queues without a worker
        sampler.sample(timezone.now())
        assert look() == (200, "degraded")
        for name in ("default", "low"):
            queues.pause(name, actor=CODE, reason="nobody needs it")
        assert look() == (200, "ok")
        heartbeats.remove(connections.patient(), beat.incarnation)
        assert look() == (503, "down")

    def test_the_audit_tells_what_was_done_and_is_filtered(self, admin: Caller) -> None:
        before = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        assert admin.post("/api/queues/low/pause", {"reason": "why not"}, **{"X-Request-ID": "r-1"}).status_code == 200
        told = admin.get("/api/audit?object=queue:low").json()["results"]
        assert len(told) == 1
        assert told[0].keys() >= {"id", "at", "actor", "verb", "object", "reason", "before", "after", "request_id"}
        assert (told[0]["actor"], told[0]["verb"], told[0]["reason"]) == ("admin", "pause", "why not")
        assert told[0]["request_id"] == "r-1"
        assert len(admin.get(f"/api/audit?actor=admin&verb=pause&since={before}").json()["results"]) == 1
        assert admin.get("/api/audit?verb=purge").json()["results"] == []


class TestSchema:
    def test_the_document_is_openapi_3_1_and_knows_every_payload(self, viewer: Caller) -> None:
        told = viewer.get("/api/schema").json()
        assert told["openapi"] == "3.1.0"
        assert {"SendEmailPayload", "ProcessPaymentPayload", "Submission"} <= told["components"]["schemas"].keys()
        body = told["paths"]["/api/tasks/submit"]["post"]["requestBody"]["content"]["application/json"]
        assert body["examples"]["process_payment"]["value"]["payload"] == {
            "user_id": "usr_12345", "amount": 99.99, "currency": "USD",
        }  # fmt: skip
        assert not [path for path in told["paths"] if path.endswith("/")]
        references = {part.split('"')[0] for part in json.dumps(told).split('"$ref": "#/components/schemas/')[1:]}
        assert references <= told["components"]["schemas"].keys()

    def test_the_schema_names_the_filters_of_a_list(self, viewer: Caller) -> None:
        listing = viewer.get("/api/schema").json()["paths"]["/api/tasks"]["get"]
        told = {one["name"]: one["schema"] for one in listing["parameters"]}
        assert {"state", "task_type", "tag", "created_after", "q", "cursor"} <= told.keys()
        assert told["created_after"]["format"] == "date-time"
        assert "dead" in told["state"]["enum"]

    def test_the_docs_load_nothing_from_elsewhere(self, viewer: Caller) -> None:
        answer = viewer.get("/docs")
        page = answer.content.decode()
        assert "swagger-ui-bundle.js" in page
        assert "//" not in page.replace("<!DOCTYPE", "")
        assert "script-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/"])
def test_the_probes_need_no_login_and_say_no_more_than_ok(path: str, db: None) -> None:
    answer = Caller({}).get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
