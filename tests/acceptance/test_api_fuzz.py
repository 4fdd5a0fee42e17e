"""Schemathesis against the whole OpenAPI document: no 5xx, no answer that the document doesn't know."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import Stack

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(15, marks=pytest.mark.long), pytest.param(180, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
    ids=["short", "long"],
)
def test_generated_requests_get_documented_answers(stack: Stack, tmp_path: Path, seconds: int) -> None:
    stack.environment |= {"DEBUG": "1", "TALLY_EMBEDDED": "1"}
    stack.start_web()
    stack.start_keeper()
    stack.start_worker()  # without one, health would rightly be a 503
    run = [
        str(Path(sys.executable).with_name("schemathesis")), "run", stack.url("/api/schema"),
        "--max-time", str(seconds), "--checks", ",".join(CHECKS), "--continue-on-failure", "--no-color",
        "--warnings", "off", "--request-timeout", "30", "--suppress-health-check", "all",
    ]  # fmt: skip
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=seconds + 120)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert "Tested:" in done.stdout
    assert "Traceback" not in stack.processes["web"].output()
