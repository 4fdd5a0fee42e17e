"""The fixtures of stories, and a mortal stack for all tests of a module, which they leave alive and at rest."""

from collections.abc import Iterator

import pytest

from tests.conftest import STACKS
from tests.crash.mortal import Mortal
from tests.support.stories import fresh, gate, marks, shared, story

__all__ = ["fresh", "gate", "marks", "mortal", "mortals", "shared", "story"]

# Shorter silences make the same story faster; the proportions stay.
QUICK = {
    "BEAT_SECONDS": 0.5,
    "RESCUE_AFTER_SECONDS": 3.0,
    "REPUBLISH_GRACE_SECONDS": 2.0,
    "LEADER_LEASE_SECONDS": 2.0,
    "DUTY_SECONDS": 0.5,
    "BREAKER_SECONDS": 1.0,
    "TAKE_OVER_SECONDS": 2.0,
}


@pytest.fixture(scope="module")
def mortals(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_database: str
) -> Iterator[Mortal]:
    conf = getattr(request.module, "CONF", QUICK)
    with Mortal(tmp_path_factory.mktemp("mortal"), template=migrated_database, conf=conf) as mortal:
        mortal.start_keeper()
        mortal.start_worker(concurrency=2)
        yield mortal


@pytest.fixture
def mortal(request: pytest.FixtureRequest, mortals: Mortal) -> Iterator[Mortal]:
    """Every test ends with nothing unaccounted for."""
    request.node.stash[STACKS] = [mortals]
    mortals.revive()
    yield mortals
    mortals.revive()
    mortals.assert_accounted()
