"""Celery's canvas over jobs: right results from the rows, every member a job with its parent and its root."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story, eventually, marks_in

CANVAS = "from celery import chain, chord, group\nadd, total, mark = c.add, c.total, t.mark\n"


def family(story: Story, root: str) -> list[dict[str, Any]]:
    code = "from django.db.models import Q\nanswer = list(Job.objects.filter(Q(id=root) | Q(root_id=root)).values())"
    return list(story.call(code, root=root))


def test_a_chain_of_five_gives_each_result_to_the_next(story: Story) -> None:
    code = f"{CANVAS}r = chain(add.s(1, 1), *[add.s(10)] * 4)(); answer = [r.get(timeout=60), r.id, r.parent.id]"
    result, last, before = story.call(code)
    assert result == 42
    row = story.row(last)
    assert row["parent_id"] == before
    members = family(story, row["root_id"])
    assert len(members) == 5
    parents = {member["id"]: member["parent_id"] for member in members}
    walked, at = [], last
    while at is not None:
        walked.append(at)
        at = parents[at]
    assert len(walked) == 5
    assert {member["state"] for member in members} == {"succeeded"}


def test_a_group_answers_in_its_order(story: Story) -> None:
    code = f"""{CANVAS}
r = group(add.s(n, n) for n in range(10))()
answer = [r.get(timeout=60), r.completed_count(), r.successful(), r.id, [c.id for c in r.children]]
"""
    results, completed, successful, group_id, children = story.call(code)
    assert (results, completed, successful) == ([2 * n for n in range(10)], 10, True)
    rows = [story.row(child) for child in children]
    assert [row["group_index"] for row in rows] == list(range(10))
    assert {row["group_id"] for row in rows} == {group_id}


def test_a_chord_of_fifty_gives_all_results_to_its_body_once(story: Story) -> None:
    code = f"""{CANVAS}
r = chord((add.s(n, n) for n in range(50)), total.s())()
answer = [r.get(timeout=90), r.id, [c.id for c in r.parent.children]]
"""
    result, body, members = story.call(code)
    assert result == sum(2 * n for n in range(50))
    assert len(set(members)) == 50
    assert story.states(members) == {"succeeded": 50}
    row = story.row(body)
    assert row["parent_id"] in members
    assert story.call("answer = Job.objects.filter(task='total', args=[a]).count()", a=[2 * n for n in range(50)]) == 1


def test_a_chord_whose_members_are_chains(story: Story) -> None:
    code = f"{CANVAS}answer = chord([chain(add.s(n, 1), add.s(100)) for n in range(3)], total.s())().get(timeout=60)"
    assert story.call(code) == (1 + 2 + 3) + 300


def test_a_group_inside_a_group(story: Story) -> None:
    code = f"""{CANVAS}
answer = group(add.s(1, 1), group(add.s(2, 2), add.s(3, 3)), add.s(4, 4))().get(timeout=60)
"""
    assert flat(story.call(code)) == [2, 4, 6, 8]


def flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, list) else [value]


def test_a_chain_that_ends_in_a_group_and_one_that_goes_through_it(story: Story) -> None:
    code = f"{CANVAS}answer = chain(add.s(1, 1), group(add.s(10), add.s(20)))().get(timeout=60)"
    assert story.call(code) == [12, 22]
    code = f"{CANVAS}answer = chain(add.s(1, 1), group(add.s(10), add.s(20)), total.s(), add.s(1000))().get(timeout=60)"
    assert story.call(code) == 1034


def test_a_group_of_chains_and_a_chord_in_a_chain(story: Story) -> None:
    code = f"{CANVAS}answer = group(chain(add.s(1, 1), add.s(5)), chain(add.s(2, 2), add.s(5)))().get(timeout=60)"
    assert story.call(code) == [7, 9]
    code = f"{CANVAS}answer = chain(chord([add.s(1, 1), add.s(2, 2)], total.s()), add.s(4))().get(timeout=60)"
    assert story.call(code) == 10


def test_a_chord_with_a_failed_member_fails_and_says_which(story: Story, marks: Path) -> None:
    code = f"""{CANVAS}
r = chord([add.s(1, 1), c.celery_plain.s(m, fails=True)], total.s())()
try:
    r.get(timeout=60)
except Exception as error:
    answer = [type(error).__name__, str(error), r.status]
"""
    name, text, status = story.call(code, m=str(marks))
    assert (name, status) == ("ChordError", "FAILURE")
    assert "a plain Celery task is not retried" in text


def test_a_link_gets_the_result_and_an_error_link_the_failed_id(story: Story, marks: Path) -> None:
    code = f"answer = c.add.apply_async((1, 2), link=c.add.s(100), link_error=c.note_error.si({str(marks)!r})).id"
    job_id = story.call(code)
    story.wait_for_end(job_id)
    eventually(lambda: len(children(story, job_id)) == 1, "the link to be submitted")
    [linked] = children(story, job_id)
    assert story.wait_for_end(linked["id"])["result"] == 103
    assert marks_in(marks) == []
    failed = story.call(
        "answer = c.celery_plain.apply_async((m,), {'fails': True}, link_error=c.errback.s()).id", m=str(marks)
    )
    story.wait_for_end(failed)
    eventually(lambda: len(children(story, failed)) == 1, "the error link to be submitted")
    [noted] = children(story, failed)
    assert story.wait_for_end(noted["id"])["result"] == f"saw {failed}"
    assert noted["root_id"] == failed


def children(story: Story, parent: str) -> list[dict[str, Any]]:
    return list(story.call("answer = list(Job.objects.filter(parent_id=p).values())", p=parent))


def test_a_chain_whose_step_fails_goes_no_further(story: Story, marks: Path) -> None:
    code = f"{CANVAS}answer = chain(c.celery_plain.s(m, fails=True), mark.si(m, text='after'))().parent.id"
    first = story.call(code, m=str(marks))
    assert story.wait_for_end(first)["state"] == "dead"
    following = story.enqueue("add", x=1, y=1)
    story.wait_for_end(following)
    assert marks_in(marks, "after") == []
    assert children(story, first) == []


def test_a_step_that_is_retried_passes_its_result_on_once(story: Story, marks: Path) -> None:
    code = f"{CANVAS}answer = chain(t.fail_late.si(m, 1), mark.si(m, text='after'))().get(timeout=60)"
    assert story.call(code, m=str(marks)) == "after"
    assert len(marks_in(marks, "after")) == 1


def test_jobs_submitted_inside_a_job_are_its_children(story: Story) -> None:
    job_id = story.call("answer = c.submits_others.delay(3).id")
    submitted = story.wait_for_end(job_id)["result"]
    rows = [story.wait_for_end(child) for child in submitted]
    assert [row["result"] for row in rows] == [1, 2, 3]
    assert {(row["parent_id"], row["root_id"]) for row in rows} == {(job_id, job_id)}


def test_a_result_answers_from_any_process(story: Story) -> None:
    job_id = story.enqueue("add", x=2, y=2)
    story.wait_for_end(job_id)
    code = """
from celery.result import AsyncResult
r = AsyncResult(i)
answer = [r.get(timeout=5), r.status, r.successful(), r.name, str(r.date_done)[:2]]
"""
    assert story.call(code, i=job_id) == [4, "SUCCESS", True, "add", "20"]
    code = "from celery.result import AsyncResult; answer = [AsyncResult(i).status, AsyncResult(i).ready()]"
    assert story.call(code, i="01890000-0000-7000-8000-000000000000") == ["PENDING", False]


def test_an_error_is_raised_again_where_the_result_is_asked_for(story: Story, marks: Path) -> None:
    code = """
r = c.celery_plain.delay(m, fails=True)
try:
    r.get(timeout=60)
except t.Flaky as error:
    answer = [str(error), r.status, "in celery_plain" in r.traceback]
"""
    assert story.call(code, m=str(marks)) == ["a plain Celery task is not retried", "FAILURE", True]


PROBES = {
    "chord in a group": ("group(chord([add.s(1, 1), add.s(2, 2)], total.s()), add.s(5, 5))()", [6, 10]),
    "chord of a group with a chain as its body": (
        "chord(group(add.s(1, 1), add.s(2, 2)), chain(total.s(), add.s(100)))()",
        106,
    ),
    "chord of one": ("chord([add.s(1, 1)], total.s())()", 2),
    "chord in a chord": ("chord([chord([add.s(1, 1)], total.s()), add.s(2, 2)], total.s())()", 6),
    "chain of chains": ("chain(chain(add.s(1, 1), add.s(2)), chain(add.s(3), add.s(4)))()", 11),
    "chunks": ("add.chunks([(n, n) for n in range(6)], 2)()", [[0, 2], [4, 6], [8, 10]]),
    "starmap": ("add.starmap([(1, 1), (2, 2)]).delay()", [2, 4]),
    "map": ("total.map([[1, 2], [3, 4]]).delay()", [3, 7]),
    "immutable step": ("chain(add.s(1, 1), add.si(5, 5))()", 10),
    "group of one": ("group([add.s(1, 1)])()", [2]),
    "chord after a chain": ("chain(add.s(1, 1), chord([add.s(1), add.s(2)], total.s()))()", 7),
    "group into a group": ("chain(group(add.s(1, 1), add.s(2, 2)), group(total.s(), total.s()))()", [6, 6]),
}


@pytest.mark.parametrize("name", PROBES)
def test_other_shapes_of_canvas_give_what_celery_gives(story: Story, name: str) -> None:
    code, result = PROBES[name]
    assert story.call(f"{CANVAS}answer = ({code}).get(timeout=30)") == result


def test_an_empty_group_and_an_empty_chord(story: Story) -> None:
    assert story.call(f"{CANVAS}answer = group([])().get(timeout=10)") == []
    assert story.call(f"{CANVAS}answer = chord([], total.s())().get(timeout=30)") == 0
