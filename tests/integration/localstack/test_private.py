"""Secrets on disk: one maker wins, everybody reads the same, nobody else reads at all."""

import stat
from pathlib import Path

from taskqueue_project.localstack import private


def test_of_two_makers_the_first_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def make_too_late() -> str:
        private.write(path, "first")
        return "second"

    assert private.keep(path, make=make_too_late) == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_kept_secret_is_not_made_again_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    assert private.keep(path, make=lambda: "made once") == "made once"
    assert private.keep(path, make=lambda: "made twice") == "made once"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
