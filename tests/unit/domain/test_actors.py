"""Who may do what."""

import pytest

from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import NotAllowed


def test_trusted_code_may_do_everything() -> None:
    CODE.require("jobs.purge_queue")


def test_a_person_may_do_what_was_granted() -> None:
    Actor("ann", frozenset({"jobs.cancel_job"})).require("jobs.cancel_job")


def test_a_refusal_names_the_missing_permission() -> None:
    with pytest.raises(NotAllowed, match="permission jobs") as refused:
        Actor("ann", frozenset({"jobs.cancel_job"})).require("jobs.purge_queue")
    assert refused.value.permission == "jobs.purge_queue"
    assert refused.value.code == "not_allowed"


def test_nobody_in_particular_may_do_nothing() -> None:
    assert not Actor("nobody", frozenset()).may("jobs.submit_job")
