"""The curl lines of the seeds, word for word but for the port, against a real stack."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.stack import Stack
from tests.support.waiting import until

LOCAL = {"DEBUG": "1", "TALLY_EMBEDDED": "1", "TALLY_DEMO_FAILURE_SCALE": "0"}
SUBMIT = r"""
curl -X POST http://localhost:8000/api/tasks/submit \
-H "Content-Type: application/json" \
-d '{
"task_type": "send_email",
"priority": "high",
"payload": {
"to": "user@example.com",
"subject": "Welcome!",
"body": "Thanks for signing up."
}
}'
"""
ASK = "curl http://localhost:8000/api/tasks/{task_id}"
CANCEL = "curl -X DELETE http://localhost:8000/api/tasks/{task_id}/cancel"
STATS = "curl http://localhost:8000/api/workers/stats"
SHORT = """curl -X POST http://localhost:8000/tasks/submit -H 'Content-Type: application/json' -d '{
  "data": "sample payload"
}'"""
PAYLOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "send_email": (
        "high",
        {"to": "user@example.com", "subject": "Welcome aboard!", "body": "Thanks for signing up."},
    ),
    "process_payment": ("high", {"user_id": "usr_12345", "amount": 99.99, "currency": "USD"}),
    "generate_report": (
        "low",
        {"report_type": "monthly_summary", "user_id": "usr_12345", "date_range": "last_30_days"},
    ),
    "data_pipeline": (
        "low",
        {"source": "s3://bucket/input", "destination": "s3://bucket/output", "record_count": 1000},
    ),
}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory, migrated_database: str) -> Iterator[Stack]:
    """As `make up` runs it, as far as a client can tell, and nothing fails by chance."""
    with Stack(tmp_path_factory.mktemp("seeded"), template=migrated_database, **LOCAL) as stack:
        stack.start_web()
        stack.start_keeper()
        stack.start_worker()
        yield stack


def run(stack: Stack, line: str, **parts: str) -> tuple[int, Any]:
    """The status and the JSON that a line of a shell gets."""
    for name, value in parts.items():
        line = line.replace(f"{{{name}}}", value)
    line = line.strip().replace("http://localhost:8000", f"http://localhost:{stack.port}")
    shell = line.replace("curl", "curl -sS -w '\\n%{http_code}'", 1)
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=30, check=True)
    body, code = done.stdout.rsplit("\n", 1)
    return int(code), json.loads(body)


def wait_for_status(stack: Stack, task_id: str, status: str) -> dict[str, Any]:
    until(lambda: run(stack, ASK, task_id=task_id)[1]["status"] == status, seconds=60, what=f"{task_id} to be {status}")
    told: dict[str, Any] = run(stack, ASK, task_id=task_id)[1]
    return told


def test_the_first_seeds_story_from_submission_to_result(seeded: Stack) -> None:
    code, submitted = run(seeded, SUBMIT)
    assert code == 202
    assert submitted == {
        "task_id": submitted["task_id"],
        "status": "PENDING",
        "priority": "high",
        "message": "Task 'send_email' queued on 'high' queue.",
    }
    told = wait_for_status(seeded, submitted["task_id"], "SUCCESS")
    assert told["task_id"] == submitted["task_id"]
    assert (told["error"], told["traceback"]) == (None, None)
    assert told["result"].keys() == {"status", "to", "subject", "message_id"}
    assert (told["result"]["status"], told["result"]["to"], told["result"]["subject"]) == (
        "sent",
        "user@example.com",
        "Welcome!",
    )
    code, stats = run(seeded, STATS)
    assert code == 200
    assert {name: stats[name] for name in ("queued_high", "queued_default", "queued_low", "active_tasks")} == {
        "queued_high": 0,
        "queued_default": 0,
        "queued_low": 0,
        "active_tasks": 0,
    }
    assert stats["success_tasks"] >= 1
    assert (stats["failed_tasks"], stats["workers_online"]) == (0, 1)


def test_the_four_payloads_of_the_first_seed_run(seeded: Stack) -> None:
    client, ids = Client(seeded.port), []
    for task_type, (queue, payload) in PAYLOADS.items():
        told = client.post("/api/tasks/submit", {"task_type": task_type, "payload": payload}).json()
        assert told["priority"] == queue
        ids.append(told["task_id"])
    for task_id in ids:
        wait_for_status(seeded, task_id, "SUCCESS")


def test_the_third_seeds_line_runs_a_heavy_task(seeded: Stack) -> None:
    code, told = run(seeded, SHORT)
    assert (code, told) == (202, {"task_id": told["task_id"], "status": "submitted"})
    assert wait_for_status(seeded, told["task_id"], "SUCCESS")["task_type"] == "heavy_task"


def test_the_first_seeds_cancel_revokes_what_waits_and_stops_what_runs(seeded: Stack) -> None:
    client = Client(seeded.port)
    later = {"task_type": "noop", "payload": {}, "delay_seconds": 600}
    waiting = client.post("/api/tasks/submit", later).json()["task_id"]
    assert run(seeded, CANCEL, task_id=waiting) == (200, {"task_id": waiting, "status": "revoked"})
    assert run(seeded, ASK, task_id=waiting)[1]["status"] == "REVOKED"
    assert run(seeded, CANCEL, task_id=waiting)[0] == 409


def test_a_running_task_is_stopped_and_its_cancel_says_so(stack: Stack) -> None:
    stack.environment |= {"DEBUG": "1", "TALLY_EMBEDDED": "1", "TALLY_DEMO_TIME_SCALE": "10"}
    stack.start_web()
    stack.start_keeper()
    stack.start_worker()
    client = Client(stack.port)
    task_id = client.post("/tasks/submit", {"data": "long"}).json()["task_id"]
    wait_for_status(stack, task_id, "STARTED")
    code, told = run(stack, CANCEL, task_id=task_id)
    assert (code, told["status"]) in {(200, "revoked"), (202, "revoking")}
    assert told.keys() == {"task_id", "status"}
    assert [a["outcome"] for a in wait_for_status(stack, task_id, "REVOKED")["attempts"]] == ["cancelled"]


def test_the_same_lines_need_credentials_in_production(stack: Stack) -> None:
    stack.environment |= {"TALLY_EMBEDDED": "1"}
    stack.start_web()
    for line in (SUBMIT, STATS, SHORT, ASK.replace("{task_id}", "01890a5d-ac96-774b-bcce-b302099a8057")):
        assert run(stack, line)[0] == 401
    client = Client(stack.port)
    assert client.get("/healthz").status == 200
    assert client.get("/readyz").status in {200, 503}
    for path in ("/", "/docs", "/api/schema", "/metrics", "/api/tasks"):
        assert client.get(path).status in {302, 401, 403, 404}, path
