"""A Redis that one test may stop, silence and start again, with this process's queue pointed at it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.test import override_settings

from jobs.broker import connections, depth, publisher
from taskqueue_project.localstack.redis import EmbeddedRedis


class OwnRedis:
    def __init__(self, server: EmbeddedRedis) -> None:
        self._server = server
        self._silenced: int | None = None

    def stop(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()

    def silence(self) -> None:
        """It accepts connections and bytes, and never answers."""
        self._silenced = self._pid()
        os.kill(self._silenced, signal.SIGSTOP)

    def speak(self) -> None:
        if self._silenced is not None:
            os.kill(self._silenced, signal.SIGCONT)
            self._silenced = None

    def _pid(self) -> int:
        process = self._server.process
        assert process is not None
        return process.pid


@contextmanager
def own_redis(directory: Path) -> Iterator[OwnRedis]:
    server = EmbeddedRedis(directory / "own-redis", durable=False, guarded=False)
    server.start()
    own = OwnRedis(server)
    before = current_app.conf.broker_url
    taskqueue = {**settings.TASKQUEUE, "JOURNAL_URL": f"{server.url}/1"}
    try:
        with override_settings(TASKQUEUE=taskqueue, BROKER_URL=f"{server.url}/0"):
            current_app.conf.broker_url = f"{server.url}/0"
            _look_again()
            yield own
    finally:
        current_app.conf.broker_url = before
        own.speak()
        _look_again()
        server.kill()


def _look_again() -> None:
    connections.forget()
    depth.forget()
    publisher.forget()
