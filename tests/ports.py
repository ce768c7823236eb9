"""Free ports for servers that a test starts on loopback."""

import itertools
import os
import socket
from collections.abc import Iterator

FIRST, LAST = 10_500, 14_900
"""Below the ports that the kernel gives to outgoing connections: whoever tries again and again to reach a server that
is away could otherwise be given that server's own port, and then it cannot come back."""

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
_WORKERS = max(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 1)
_SHARE = (LAST - FIRST) // _WORKERS
_START = FIRST + _WORKER * _SHARE
"""Tests that run side by side look in ranges of their own."""

_next = itertools.count(os.getpid() * 37)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that are free for TCP and UDP alike, each given once by this process."""
    found: list[int] = []
    for port in _candidates():
        if _is_free(port, host):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports on {host} from {_START} to {_START + _SHARE}")


def _candidates() -> Iterator[int]:
    for _ in range(_SHARE):
        yield _START + next(_next) % _SHARE


def _is_free(port: int, host: str) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
