"""What strangers send: each gets a documented 4xx in JSON, and nothing is changed."""

# Shows guarantee 7 of docs/guarantees.md.

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs.models import Action, Job, Queue
from tests.integration.api.conftest import MAIL, Caller

SUBMIT, BULK = "/api/tasks/submit", "/api/tasks/submit/bulk"
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


def mail(**changed: Any) -> dict[str, Any]:
    return {**MAIL, **changed}


def payload(**changed: Any) -> dict[str, Any]:
    return mail(payload={**MAIL["payload"], **changed})  # type: ignore[dict-item]


def raw(**parts: str) -> str:
    """A submission whose values are written as they stand."""
    fields = {"task_type": '"noop"', "payload": "{}", **parts}
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"


def nested(levels: int) -> str:
    return raw(payload='{"a":' * levels + "1" + "}" * levels)


@dataclass(frozen=True, repr=False)
class Bad:
    what: str
    status: int
    body: Any = None
    method: str = "POST"
    path: str = SUBMIT
    names: str = ""
    """What the answer must mention."""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.what.replace(" ", "-")

    __repr__ = __str__


BODIES = [
    Bad("an empty body", 400, b"", names="task_type"),
    Bad("no JSON at all", 400, "hello", names="no JSON"),
    Bad("half an object", 400, '{"task_type": "noop"'),
    Bad("two documents", 400, "{} {}"),
    Bad("a trailing comma", 400, '{"task_type": "noop", "payload": {},}'),
    Bad("bytes that are not UTF-8", 400, b'{"task_type": "\xff\xfe", "payload": {}}', names="UTF-8"),
    Bad("UTF-16", 400, json.dumps(MAIL).encode("utf-16")),
    Bad("a byte order mark", 400, b"\xef\xbb\xbf" + json.dumps(MAIL).encode()),
    Bad("a list", 400, [MAIL], names="object"),
    Bad("a string", 400, '"noop"'),
    Bad("null", 400, "null"),
    Bad("a key twice", 400, '{"task_type": "noop", "task_type": "noop", "payload": {}}', names="twice"),
    Bad("a key twice in the payload", 400, raw(payload='{"a": 1, "a": 2}'), names="twice"),
    Bad("NaN", 400, raw(payload='{"a": NaN}'), names="NaN"),
    Bad("Infinity", 400, raw(payload='{"a": Infinity}'), names="Infinity"),
    Bad("minus Infinity", 400, raw(payload='{"a": -Infinity}')),
    Bad("a number beyond all numbers", 400, raw(payload='{"a": 1e999}')),
    Bad("an integer of 5000 digits", 400, raw(payload='{"a": ' + "9" * 5000 + "}")),
    Bad("NaN as a delay", 400, raw(delay_seconds="NaN")),
    Bad("100 000 brackets", 400, "[" * 100_000),
    Bad("33 levels", 400, nested(33), names="nested"),
    Bad("1000 levels", 400, nested(1000)),
    Bad("a form", 415, "a=b", headers={"content_type": "application/x-www-form-urlencoded"}),
    Bad("text", 415, json.dumps(MAIL), headers={"content_type": "text/plain"}),
    Bad("XML", 415, "<a/>", headers={"content_type": "application/xml"}),
    Bad("a payload over 256 KiB", 413, payload(body="x" * 262_144), names="bytes"),
    Bad("a body over 2 MiB", 413, raw(payload=json.dumps({"a": "x" * 2_100_000}))),
]
FIELDS = [
    Bad("no task type", 400, {"payload": {}}, names="task_type"),
    Bad("no payload", 400, {"task_type": "noop"}, names="payload"),
    Bad("an unknown task", 400, mail(task_type="fly_to_the_moon"), names="task_type"),
    Bad("an empty task", 400, mail(task_type="")),
    Bad("a number as task", 400, mail(task_type=7)),
    Bad("NUL in the task", 400, mail(task_type="no\x00op")),
    Bad("a lone surrogate in the task", 400, raw(task_type='"\\ud800"')),
    Bad("a task of Celery's own", 400, {"task_type": "celery.backend_cleanup", "payload": {}}),
    Bad("an unknown field", 400, mail(prioritty="high"), names="prioritty"),
    Bad("a lone surrogate as a field's name", 400, raw(**{"\\udfff": "1"})),
    Bad("a payload that is a list", 400, mail(payload=[1]), names="payload"),
    Bad("a payload that is null", 400, mail(payload=None), names="payload"),
    Bad("a missing argument", 400, {"task_type": "send_email", "payload": {"to": "a"}}, names="subject"),
    Bad("an argument too many", 400, payload(cc="b"), names="cc"),
    Bad("an argument of another type", 400, payload(to=7), names="to"),
    Bad("NUL in the payload", 400, payload(body="a\x00b"), names="NUL"),
    Bad("a lone surrogate in the payload", 400, raw(payload='{"a": "\\ud800"}')),
    Bad("a lone surrogate as a key", 400, raw(payload='{"\\udc00": 1}')),
    Bad("an unknown priority", 400, mail(priority="urgent"), names="priority"),
    Bad("a number as priority", 400, mail(priority=1)),
    Bad("a delay before now", 400, mail(delay_seconds=-1), names="delay_seconds"),
    Bad("a delay in words", 400, mail(delay_seconds="10"), names="delay_seconds"),
    Bad("true as a delay", 400, mail(delay_seconds=True)),
    Bad("a delay of ages", 400, mail(delay_seconds=1e300)),
    Bad("a delay and a time", 400, mail(delay_seconds=1, run_at="2099-01-01T00:00:00Z"), names="not both"),
    Bad("a time without its zone", 400, mail(run_at="2099-01-01T00:00:00"), names="run_at"),
    Bad("a time as a number", 400, mail(run_at=4_000_000_000), names="run_at"),
    Bad("a time in words", 400, mail(run_at="tomorrow")),
    Bad("the 30th of February", 400, mail(run_at="2099-02-30T00:00:00Z")),
    Bad("the last moment, west of it", 400, mail(run_at="9999-12-31T23:59:59-12:00")),
    Bad("an expiry that has passed", 400, mail(expires_at="2001-01-01T00:00:00Z"), names="expires_at"),
    Bad("fewer than no retries", 400, mail(max_retries=-1), names="max_retries"),
    Bad("half a retry", 400, mail(max_retries=1.5)),
    Bad("too many retries", 400, mail(max_retries=10**30)),
    Bad("true retries", 400, mail(max_retries=True)),
    Bad("tags as text", 400, mail(tags="a"), names="tags"),
    Bad("21 tags", 400, mail(tags=["a"] * 21), names="tags"),
    Bad("an empty tag", 400, mail(tags=[""])),
    Bad("a tag of 51 characters", 400, mail(tags=["x" * 51])),
    Bad("NUL in a tag", 400, mail(tags=["\x00"])),
    Bad("a number as tag", 400, mail(tags=[1])),
    Bad("a correlation id of 201 characters", 400, mail(correlation_id="x" * 201), names="correlation_id"),
    Bad("NUL in the correlation id", 400, mail(correlation_id="\x00")),
    Bad("an empty key", 400, MAIL, headers={"Idempotency-Key": ""}, names="Idempotency-Key"),
    Bad("a key of 201 characters", 400, MAIL, headers={"Idempotency-Key": "x" * 201}),
    Bad("a key beyond ASCII", 400, MAIL, headers={"Idempotency-Key": "ü"}),
    Bad("a key with a tab in it", 400, MAIL, headers={"Idempotency-Key": "a\tb"}),
    Bad("no data in the short form", 400, {}, path="/tasks/submit", names="data"),
    Bad("a number as data", 400, {"data": 1}, path="/tasks/submit", names="data"),
    Bad("more than data", 400, {"data": "x", "priority": "high"}, path="/tasks/submit", names="priority"),
]
BULKS = [
    Bad("no tasks", 400, {"tasks": []}, path=BULK, names="tasks"),
    Bad("tasks that are no list", 400, {"tasks": MAIL}, path=BULK),
    Bad("a bare list", 400, [MAIL], path=BULK),
    Bad("10 001 tasks", 400, {"tasks": [1] * 10_001}, path=BULK, names="10,000"),
    Bad("something beside the tasks", 400, {"tasks": [MAIL], "priority": "high"}, path=BULK, names="priority"),
    Bad("one that is null", 400, {"tasks": [MAIL, MAIL, None]}, path=BULK, names="Task 2"),
    Bad("one with a wrong field", 400, {"tasks": [MAIL, mail(tags=[""])]}, path=BULK, names="Task 1: tags"),
    Bad("one of an unknown task", 400, {"tasks": [MAIL, mail(task_type="fly")]}, path=BULK, names="Task 1: task_type"),
    Bad("one with a wrong payload", 400, {"tasks": [MAIL, payload(to=1)]}, path=BULK, names="Task 1: payload: to"),
    Bad("one over 256 KiB", 413, {"tasks": [MAIL, payload(body="x" * 262_144)]}, path=BULK, names="Task 1"),
]
QUERIES = [
    Bad(f"{query} of {path}", status, method="GET", path=f"{path}?{query}")
    for path, query, status in [
        ("/api/tasks", "state=flying", 400),
        ("/api/tasks", "status=success", 400),
        ("/api/tasks", "priority=urgent", 400),
        ("/api/tasks", "created_after=yesterday", 400),
        ("/api/tasks", "created_before=2025-13-01", 400),
        ("/api/tasks", "q=%00", 400),
        ("/api/tasks", "tag=" + "x" * 300, 400),
        ("/api/tasks", "page_size=0", 400),
        ("/api/tasks", "page_size=201", 400),
        ("/api/tasks", "page_size=-1", 400),
        ("/api/tasks", "page_size=%D9%A3", 400),
        ("/api/tasks", "page_size=ten", 400),
        ("/api/tasks", "stauts=FAILURE", 400),
        ("/api/tasks", "cursor=nonsense", 404),
        ("/api/tasks", "cursor=", 404),
        ("/api/tasks", "cursor=bm90IGFuIGlk", 404),
        ("/api/tasks", "cursor=%00", 404),
        ("/api/tasks", "cursor=%F0%9F%92%A9", 404),
        ("/api/queues", "page_size=x", 400),
        ("/api/queues", "cursor=nonsense", 404),
        ("/api/audit", "since=soon", 400),
        ("/api/audit", "verb=%00", 400),
        ("/api/audit", "who=me", 400),
    ]
]
PATHS = [
    Bad("an id that is none", 404, method="GET", path="/api/tasks/nonsense"),
    Bad("an unknown id", 404, method="GET", path=f"/api/tasks/{UNKNOWN}", names=UNKNOWN),
    Bad("cancelling an unknown id", 404, method="DELETE", path=f"/api/tasks/{UNKNOWN}/cancel"),
    Bad("cancelling an id that is none", 404, method="DELETE", path="/api/tasks/1/cancel"),
    Bad("a path that is nothing", 404, method="GET", path="/api/nothing"),
    Bad("a path that is nothing, posted to", 404, MAIL, path="/api/nothing/at/all/"),
    Bad("the root of the API", 404, method="GET", path="/api"),
    Bad("an unknown queue", 404, {"reason": "x"}, path="/api/queues/urgent/pause", names="urgent"),
    Bad("pausing without a reason", 400, {}, path="/api/queues/low/pause", names="reason"),
    Bad("pausing with a blank reason", 400, {"reason": "  "}, path="/api/queues/low/pause", names="reason"),
    Bad("pausing with NUL as reason", 400, {"reason": "\x00"}, path="/api/queues/low/pause", names="reason"),
    Bad("pausing with a long reason", 400, {"reason": "x" * 501}, path="/api/queues/low/pause", names="reason"),
    Bad("purging with more than a reason", 400, {"reason": "x", "all": True}, path="/api/queues/low/purge"),
    Bad("resuming what is not paused", 409, {"reason": "x"}, path="/api/queues/low/resume"),
    Bad("GET of a submission", 405, method="GET", path=SUBMIT),
    Bad("PUT of tasks", 405, MAIL, method="PUT", path="/api/tasks"),
    Bad("POST of tasks", 405, MAIL, path="/api/tasks"),
    Bad("DELETE of a task", 405, method="DELETE", path=f"/api/tasks/{UNKNOWN}"),
    Bad("POST of a cancel", 405, {}, path=f"/api/tasks/{UNKNOWN}/cancel"),
    Bad("OPTIONS", 405, method="OPTIONS", path="/api/tasks"),
    Bad("TRACE", 405, method="TRACE", path="/api/tasks"),
    Bad("another Host", 400, method="GET", path="/api/tasks", headers={"Host": "evil.example"}, names="Host"),
    Bad("a Host that is none", 400, method="GET", path="/healthz", headers={"Host": "a b"}),
]


@pytest.mark.parametrize("bad", [*BODIES, *FIELDS, *BULKS, *QUERIES, *PATHS], ids=str)
def test_bad_input_is_refused_in_json_and_changes_nothing(bad: Bad, admin: Caller) -> None:
    actions_before = Action.objects.count()
    answer = admin.send(bad.method, bad.path, bad.body, **bad.headers)
    assert answer.status_code == bad.status, answer.content[:500]
    assert answer["Content-Type"] == "application/json"
    told = answer.json()
    assert isinstance(told, dict)
    assert told
    assert all(isinstance(value, str | list) for value in told.values())
    assert bad.names in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    assert not Job.objects.exists()
    assert Action.objects.count() == actions_before
    assert not Queue.objects.filter(paused_at__isnull=False).exists()


@pytest.mark.parametrize("debug", [False, True])
def test_a_defect_of_ours_is_told_in_json_too(
    admin: Caller,
    settings: Any,
    debug: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from jobs.api import queries

    settings.DEBUG = debug
    monkeypatch.setattr(queries, "jobs", lambda _actor: 1 / 0)
    answer = admin.get("/api/tasks")
    assert answer.status_code == 500
    assert set(answer.json()) == {"detail"}
    assert "ZeroDivision" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/nothing", "/api/tasks/x", "/tasks/submit/more"])
def test_errors_are_json_in_debug_too(admin: Caller, settings: Any, path: str) -> None:
    settings.DEBUG = True
    answer = admin.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"detail"}


def test_json_is_answered_whatever_is_accepted(admin: Caller) -> None:
    for accepted in ("text/html", "application/xml", "image/png;q=0.1", "nonsense"):
        assert admin.get("/api/tasks", Accept=accepted)["Content-Type"] == "application/json"
