"""Hosts of a small network on this machine: each a network namespace, all on one bridge whose ports can be pulled.

Needs root and iproute2. Nothing of the machine's own network is touched: the bridge has a namespace to itself.
"""

import os
import secrets
import shutil
import subprocess
from typing import Self

PREFIX = "10.77.0"


def obstacle() -> str:
    """Why this machine can't; empty when it can."""
    if os.geteuid() != 0:
        return "Network namespaces need root"
    if shutil.which("ip") is None:
        return "No `ip` on PATH (on Debian: apt install iproute2)"
    trial = f"tally-trial-{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", trial], capture_output=True, text=True)
    if made.returncode:
        return f"This machine lets nobody make network namespaces: {made.stderr.strip()}"
    _ip("netns", "delete", trial)
    return ""


class Lan:
    def __init__(self) -> None:
        self._name = f"tally-{secrets.token_hex(3)}"
        self._switch = f"{self._name}-switch"
        self._addresses: dict[str, str] = {}

    def __enter__(self) -> Self:
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "bridge", "up")
        return self

    def __exit__(self, *_exception: object) -> None:
        for host in [*self._addresses, "switch"]:
            _ip("netns", "delete", f"{self._name}-{host}")

    def join(self, host: str) -> str:
        """A new host; its address."""
        namespace = f"{self._name}-{host}"
        address = f"{PREFIX}.{len(self._addresses) + 2}"
        _ip("netns", "add", namespace)
        self._addresses[host] = address
        _ip("-n", self._switch, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("-n", self._switch, "link", "set", host, "master", "bridge", "up")
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        return address

    def on(self, host: str) -> list[str]:
        """What to put before a command so that it runs there; the process is the command's own."""
        return ["ip", "netns", "exec", f"{self._name}-{host}"]

    def cut_off(self, host: str) -> None:
        """Pull its plug: packets vanish both ways, connections stay open and silent."""
        _ip("-n", self._switch, "link", "set", host, "down")

    def heal(self, host: str) -> None:
        _ip("-n", self._switch, "link", "set", host, "up")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
