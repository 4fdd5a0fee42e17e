"""Writes down the framework's signals where a test asks for it: one JSON object per line of the stack's file PRESS_SIGNALS."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.apps import AppConfig


class PressConfig(AppConfig):
    name = "tests.support.press"
    label = "press"

    def ready(self) -> None:
        from tests.support.django_tasks import task_enqueued, task_finished, task_started

        signals = {"enqueued": task_enqueued, "started": task_started, "finished": task_finished}
        for name, signal in signals.items():
            signal.connect(_writer(name), weak=False)


def _writer(name: str) -> Any:
    def write(sender: Any, task_result: Any, **_kwargs: Any) -> None:
        if not os.environ.get("PRESS_SIGNALS"):
            return
        path = Path(os.environ["TALLY_DATA"]) / os.environ["PRESS_SIGNALS"]
        error = sys.exc_info()[1]
        line = {
            "signal": name,
            "sender": f"{sender.__module__}.{sender.__qualname__}",
            "pid": os.getpid(),
            "id": task_result.id,
            "status": task_result.status,
            "attempts": task_result.attempts,
            "errors": [error.exception_class_path for error in task_result.errors],
            "handled": type(error).__name__ if error else "",
        }
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, json.dumps(line).encode() + b"\n")
        os.close(file)

    return write
