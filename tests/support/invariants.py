"""What must hold at the end of every test of races and crashes: the checks of `manage.py verify`."""

from jobs.verification import findings, verifying  # noqa: F401  (verifying registers the checks)
from jobs.verification.findings import Finding


def broken(*, settled: bool = False, besides: tuple[str, ...] = ()) -> list[Finding]:
    """`settled`: nothing moves any more and workers live, so what may look wrong for a moment must be right too."""
    return [
        finding
        for check in findings.every()
        if (settled or not check.settles) and check.name not in besides
        for finding in check.find()
    ]


def assert_all(*, settled: bool = False, besides: tuple[str, ...] = ()) -> None:
    found = broken(settled=settled, besides=besides)
    assert not found, "\n".join(f"{f.object} {f.problem} [{f.check}]" for f in found)
