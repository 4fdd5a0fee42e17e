"""Who runs a command: the operating system's user of this machine, who may do everything: the database is at hand."""

import getpass
import socket

from jobs.domain.actors import Actor


def operator() -> Actor:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(f"command:{name}", source_address=socket.gethostname()[:64])
