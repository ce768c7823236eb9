"""Examines what the server needs of its machine and its Asterisk, and says how to mend what is not well.

Law: it changes nothing, and of what it could not look at it says so instead of calling it well.
"""

import asyncio
import grp
import os
import pwd
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from callcenter.asterisk.examination import Finding, Level, Wanted, examine_asterisk, fail, fine, unknown
from callcenter.asterisk.synthesis import EspeakSynthesiser
from callcenter.domain.errors import CallcenterError
from callcenter.heard import load_lines
from callcenter.ivr.faults import FlowError
from callcenter.listening import WantedPort, obstacle, server_ports
from callcenter.settings import Settings, SettingsError, check_runnable
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.errors import InvalidDatabaseUrl, SchemaBehind, SchemaTooNew
from callcenter.store.schema import check_schema, head

__all__ = ("Finding", "Level", "examine")

FREE_BYTES: Final = 1 << 30
WEB_ANSWER_SECONDS: Final = 2.0
ASTERISK_USER: Final = "asterisk"


@dataclass(slots=True)
class _Business:
    """What the database says that Asterisk must know too."""

    queues: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything, one finding after the other; nothing that is wrong is raised."""
    business = _Business()
    yield _settings(settings)
    for finding in (*_data_directory(settings), *_programs(), *_sounds(settings)):
        yield finding
    yield await asyncio.to_thread(_ports, settings)
    async for finding in _database(settings, business):
        yield finding
    wanted = Wanted(
        host=settings.asterisk.ami_host,
        port=settings.asterisk.ami_port,
        user=settings.asterisk.ami_user,
        secret=settings.asterisk.ami_secret,
        question_address=f"{settings.asterisk.fastagi_bind}:{settings.asterisk.fastagi_port}",
        queues=tuple(business.queues),
        phones=tuple(business.agents),
        trunks=tuple(trunk.name for trunk in settings.trunks),
    )
    async for finding in examine_asterisk(wanted):
        yield finding
    yield await asyncio.to_thread(_browser_phones, settings)
    yield _channel_log(settings)


def _settings(settings: Settings) -> Finding:
    try:
        check_runnable(settings)
    except SettingsError as error:
        what, _, mend = error.lines[0].partition("; ")
        return fail("settings", what, mend or "see config/callcenter.toml")
    return fine("settings", "complete")


def _data_directory(settings: Settings) -> Iterator[Finding]:
    directory = settings.server.data_directory.absolute()
    existing = _existing(directory)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        mend = "give it to the user the server runs as, or set server.data_directory"
        yield fail("data directory", f"{existing} is no directory that this user may write to", mend)
        return
    free = shutil.disk_usage(existing).free
    detail = f"{directory}, {free // (1 << 20)} MiB free"
    if free < FREE_BYTES:
        yield fail("data directory", detail, "free at least 1 GiB: records and prompts are kept here")
    else:
        yield fine("data directory", detail)


def _existing(path: Path) -> Path:
    """The path, or the nearest of its parents that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _programs() -> Iterator[Finding]:
    problems = EspeakSynthesiser().problems()
    if not problems:
        yield fine("prompts", "espeak-ng and sox are here to speak them")
    for problem in problems:
        what, _, mend = problem.partition("; ")
        yield fail("prompts", what, mend or "apt-get install espeak-ng sox")


def _sounds(settings: Settings) -> Iterator[Finding]:
    directory = settings.sound_directory.absolute()
    existing = _existing(directory)
    if not os.access(existing, os.W_OK | os.X_OK):
        mend = "let the server's user write there, or set flows.sound_directory"
        yield fail("sounds", f"this user may not write to {existing}", mend)
        return
    try:
        account = pwd.getpwnam(ASTERISK_USER)
    except KeyError:
        # An Asterisk without an account of its own runs as root or as this very user.
        yield fine("sounds", f"{directory}; there is no user {ASTERISK_USER!r} here that had to read it")
        return
    groups = {account.pw_gid, *(group.gr_gid for group in grp.getgrall() if ASTERISK_USER in group.gr_mem)}
    closed = next(
        (place for place in (existing, *existing.parents) if not _may_enter(place, account.pw_uid, groups)), None
    )
    if closed is None:
        yield fine("sounds", f"{directory}, which the user {ASTERISK_USER!r} may read")
    else:
        mend = f"as root: chmod o+rx {closed}, or set flows.sound_directory to a place both may read"
        yield fail("sounds", f"the user {ASTERISK_USER!r} may not read {closed}, where prompts are kept", mend)


def _may_enter(directory: Path, uid: int, groups: set[int]) -> bool:
    facts = directory.stat()
    wanted = 0o5 if facts.st_uid != uid and facts.st_gid not in groups else 0o50 if facts.st_uid != uid else 0o500
    return facts.st_mode & wanted == wanted


def _ports(settings: Settings) -> Finding:
    taken = [(wanted, why) for wanted in server_ports(settings) if (why := obstacle(wanted)) is not None]
    if not taken:
        return fine("ports", ", ".join(f"{wanted} is free" for wanted in server_ports(settings)))
    if _is_callcenter(server_ports(settings)[0]):
        return fine("ports", f"a callcenter server runs already, at {server_ports(settings)[0]}")
    wanted, why = taken[0]
    return fail("ports", f"{wanted} cannot be had: {why}", f"stop what uses it, or set another {wanted.setting}")


def _is_callcenter(web: WantedPort) -> bool:
    status, text = _fetch(f"{web.address}:{web.port}", "/healthz")
    return status == 200 and text == '{"status":"alive"}'


def _fetch(place: str, path: str) -> tuple[int | None, str]:
    """The status and the beginning of what is answered; None when nothing answers."""
    # No proxy stands between us and an address of our own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{place}{path}", timeout=WEB_ANSWER_SECONDS) as answer:
            return answer.status, answer.read(200).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, ""
    except (OSError, ValueError):
        return None, ""


async def _database(settings: Settings, business: _Business) -> AsyncIterator[Finding]:
    try:
        database = Database(settings.database_url)
    except InvalidDatabaseUrl as error:
        yield fail("database", str(error), "set database.url (CALLCENTER_DATABASE_URL)")
        return
    try:
        await check_schema(database)
        yield fine("database", f"{database.url_for_people}, tables of version {head()}")
        configuration = StoredConfiguration(database)
        business.queues = [queue.queue_id for queue in await configuration.queues()]
        business.agents = [agent.agent_id for agent in await configuration.agents()]
        lines = await load_lines(settings, database)
        yield fine("flows", ", ".join(sorted(lines.flows)) or "none")
    except FlowError as error:
        for fault in error.faults:
            yield fail("flows", f"{fault.filename}:{fault.line}: {fault.what}", fault.right)
    except SchemaBehind as error:
        yield fail("database", _before_remedy(error), "callcenter db upgrade")
    except SchemaTooNew as error:
        yield fail(
            "database", _before_remedy(error), "run the newer program, or restore a backup of before its upgrade"
        )
    except CallcenterError as error:
        what, _, mend = str(error).rpartition("; ")
        yield fail("database", what, mend)
    finally:
        await database.dispose()


def _before_remedy(error: CallcenterError) -> str:
    return str(error).partition("; ")[0]


def _browser_phones(settings: Settings) -> Finding:
    if settings.sip.websocket_url is not None:
        return unknown("browser phones", f"go through {settings.sip.websocket_url}", "open /desk and look")
    place = f"{settings.sip.http_bind}:{settings.sip.http_port}"
    status, _ = _fetch(place, "/ws")
    if status == 426:  # "Upgrade required": a web socket is wanted here.
        return fine("browser phones", f"Asterisk takes them at ws://{place}/ws")
    mend = (
        "http.conf: enabled = yes, bindaddr and bindport as sip.http_bind and sip.http_port; load res_http_websocket.so"
    )
    said = "nothing answers" if status is None else f"the answer is {status}"
    return fail("browser phones", f"no web socket at {place}/ws: {said}", mend)


def _channel_log(settings: Settings) -> Finding:
    path = settings.asterisk.channel_log
    if path is None:
        return unknown(
            "channel log", "none is set: calls that end while the server is away are recorded without their cause",
            "set asterisk.channel_log",
        )  # fmt: skip
    if not path.parent.is_dir():
        mend = "load cel_custom.so and include cel_custom_callcenter.conf, or set asterisk.channel_log"
        return fail("channel log", f"there is no directory {path.parent}", mend)
    if path.exists() and not os.access(path, os.R_OK):
        return fail("channel log", f"this user may not read {path}", "put the server's user into Asterisk's group")
    return fine("channel log", str(path) if path.exists() else f"{path} will be there after the first call")
