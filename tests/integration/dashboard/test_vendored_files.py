"""What the browser loads: vendored files are what VENDOR.md says, the scripts stay small and import nothing."""

import gzip
import hashlib
import re
from pathlib import Path

import dashboard

STATIC = Path(dashboard.__file__).parent / "static" / "dashboard"
SCRIPTS_MOST_BYTES = 40 * 1024
STYLES_MOST_BYTES = 12 * 1024


def test_vendored_files_are_unchanged() -> None:
    rows = re.findall(
        r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (STATIC / "vendor" / "VENDOR.md").read_text(), re.MULTILINE
    )
    told = dict(rows)
    kept = [path for path in (STATIC / "vendor").iterdir() if path.suffix not in (".LICENSE", ".md")]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept} == told


def test_all_scripts_together_are_small() -> None:
    text = b"".join(path.read_bytes() for path in sorted(STATIC.rglob("*.js")))
    assert len(gzip.compress(text, 9)) <= SCRIPTS_MOST_BYTES


def test_the_stylesheet_is_small() -> None:
    assert len(gzip.compress((STATIC / "css" / "dashboard.css").read_bytes(), 9)) <= STYLES_MOST_BYTES


def test_modules_import_nothing_so_that_hashed_names_work() -> None:
    modules = sorted((STATIC / "js").glob("*.js"))
    assert [
        path.name for path in modules if re.search(r"^\s*import\b|\bimport\(", path.read_text(), re.MULTILINE)
    ] == []
    forbidden = re.compile(r"\beval\(|new Function|\.innerHTML\s*=(?!=)|insertAdjacentHTML|document\.write")
    assert [path.name for path in modules if forbidden.search(path.read_text())] == []
