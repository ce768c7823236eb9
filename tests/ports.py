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


def own_share(first: int, last: int) -> tuple[int, int]:
    """Of ports, first and last, those of this worker: tests that run side by side keep to ranges of their own."""
    share = (last + 1 - first) // _WORKERS
    return first + _WORKER * share, first + (_WORKER + 1) * share - 1


_START, _END = own_share(FIRST, LAST)

_next = itertools.count(os.getpid() * 37)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that are free for TCP and UDP alike, each given once by this process."""
    found: list[int] = []
    for port in _candidates():
        if _is_free(port, host):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports on {host} from {_START} to {_END}")


def _candidates() -> Iterator[int]:
    count = _END + 1 - _START
    for _ in range(count):
        yield _START + next(_next) % count


def _is_free(port: int, host: str) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
