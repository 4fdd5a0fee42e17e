"""A real Redis or PostgreSQL on a host of a `Lan`, run there: `python -m tests.support.lan_server KIND DIRECTORY ADDRESS`.

Prints `serving URL` and stays until it is ended, and its server with it.
"""

import signal
import sys
from pathlib import Path

from taskqueue_project.localstack.postgres import EmbeddedPostgres
from taskqueue_project.localstack.redis import EmbeddedRedis

REDIS_PORT, POSTGRES_PORT = 6379, 5432


def main(kind: str, directory: str, address: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    made: EmbeddedRedis | EmbeddedPostgres
    if kind == "redis":
        made = EmbeddedRedis(Path(directory), address=address, port=REDIS_PORT)
    else:
        made = EmbeddedPostgres(Path(directory), address=address, port=POSTGRES_PORT)
    sys.stdout.write(f"serving {made.start()}\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM})
    made.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
