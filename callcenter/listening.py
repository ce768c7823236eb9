"""Whether the ports that are wanted can be had, asked before anything starts, so that nothing is left half started."""

import errno
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from callcenter.settings import ENVIRONMENT_PREFIX, Settings, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPort:
    """A port that something is going to listen on; `setting` is the one to change when it cannot be had."""

    setting: str
    kind: Literal["TCP", "UDP"]
    address: str
    port: int

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.kind} {address}:{self.port}"


def server_ports(settings: Settings) -> tuple[WantedPort, ...]:
    """What the server itself listens on."""
    server, asterisk = settings.server, settings.asterisk
    return (
        WantedPort(setting="server.port", kind="TCP", address=server.bind, port=server.port),
        WantedPort(
            setting="asterisk.fastagi_port", kind="TCP", address=asterisk.fastagi_bind, port=asterisk.fastagi_port
        ),
    )


def asterisk_ports(settings: Settings) -> tuple[WantedPort, ...]:
    """What an Asterisk of our own listens on."""
    sip, asterisk = settings.sip, settings.asterisk
    return (
        WantedPort(setting="sip.port", kind="UDP", address=sip.bind, port=sip.port),
        WantedPort(setting="sip.http_port", kind="TCP", address=sip.http_bind, port=sip.http_port),
        WantedPort(setting="asterisk.ami_port", kind="TCP", address=asterisk.ami_host, port=asterisk.ami_port),
    )


def obstacle(wanted: WantedPort) -> str | None:
    """Why the port cannot be had now; None when it can."""
    family = socket.AF_INET6 if ":" in wanted.address else socket.AF_INET
    kind = socket.SOCK_STREAM if wanted.kind == "TCP" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as probe:
            if wanted.kind == "TCP":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((wanted.address, wanted.port))
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                return "something listens there already"
            case errno.EADDRNOTAVAIL:
                return "this machine has no such address"
            case errno.EACCES:
                return "this user may not listen there (ports below 1024 need rights)"
            case other:
                return os.strerror(other) if other else str(error)
    return None


def refuse_taken(ports: Iterable[WantedPort]) -> None:
    """Raise `SettingsError` with one line for each port that cannot be had, or that is wanted twice."""
    lines, seen = [], dict[tuple[str, str, int], str]()
    for wanted in ports:
        variable = f"{ENVIRONMENT_PREFIX}{wanted.setting.replace('.', '_')}".upper()
        place = (wanted.kind, wanted.address, wanted.port)
        why = obstacle(wanted)
        if place in seen:
            lines.append(f"{wanted.setting}: {wanted} is wanted by {seen[place]} too; set another ({variable})")
        elif why is not None:
            lines.append(
                f"{wanted.setting}: {wanted} cannot be had: {why}; "
                f"stop what uses it, or set another address or port ({variable})"
            )
        seen[place] = wanted.setting
    if lines:
        raise SettingsError(lines)
