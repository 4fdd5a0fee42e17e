"""TCP ports on loopback: which are free, and one that stays the same from start to start."""

import random
import socket
from pathlib import Path

from taskqueue_project.localstack import private

LOOPBACK = "127.0.0.1"

# Below every system's ephemeral range (Linux 32768, macOS 49152): a client that keeps dialling a dead port
# inside that range can be given the very port as its own, connect to itself, and keep the server from coming back.
CANDIDATES = range(20_000, 32_000)


class NoFreePort(Exception):
    pass


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def find_free() -> int:
    for port in random.sample(CANDIDATES, k=200):
        if is_free(port):
            return port
    raise NoFreePort(f"No free port found between {CANDIDATES.start} and {CANDIDATES.stop}: too many servers run here.")


def read_kept(path: Path) -> int | None:
    text = private.read(path)
    return int(text) if text and text.isdecimal() else None


def keep(path: Path) -> int:
    """The port named in the file, or a new one written there when it is missing or taken by somebody else."""
    kept = read_kept(path)
    if kept is not None and is_free(kept):
        return kept
    port = find_free()
    private.write(path, str(port))
    return port
