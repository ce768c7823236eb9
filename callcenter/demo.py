"""The demo: a private Asterisk, the watched server and demo data, brought up and taken down as one.

Law: when it ends, however it ends, no process it started is left.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from callcenter.app.permissions import Role
from callcenter.app.sessions import hash_password
from callcenter.asterisk.config_files import Directories, PbxConfig
from callcenter.asterisk.errors import AsteriskError
from callcenter.asterisk.installation import private_directories
from callcenter.asterisk.process import PrivateAsterisk, stop_left_over
from callcenter.clock import SystemClock
from callcenter.domain.errors import CallcenterError
from callcenter.domain.ids import AgentId
from callcenter.domain.labels import Label
from callcenter.exchange_files import CALLERS_ADDRESS, PROJECT, private_installation, private_pbx_config
from callcenter.heard import load_lines
from callcenter.listening import asterisk_ports, refuse_taken, server_ports
from callcenter.logs import configure_logs
from callcenter.operate import install_emergency_script
from callcenter.settings import Settings, SettingsError, load, make_data_directory
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.demo import load_demo
from callcenter.store.demo_sales import DEMO_ACCOUNTS
from callcenter.store.schema import upgrade_database
from callcenter.traffic import Traffic, TrafficConfig
from callcenter.traffic.errors import TrafficError
from callcenter.watch import Watch, on_stop_signals
from callcenter.web.demo_info import DemoCaller, DemoInfo, DemoLogin, DemoNumber, PhoneAccount

log = structlog.get_logger(__name__)

DEFAULT_PASSWORD: Final = "demo"  # noqa: S105  The demo's, printed at its start, for loopback only.
DEMO_CALLER: Final = "demo-caller"
AGENTS: Final = tuple(AgentId(str(number)) for number in range(1001, 1011))
NUMBERS: Final = (
    DemoNumber(dnis="4000", label=Label(zh="主菜单", en="Main menu")),
    DemoNumber(dnis="4001", label=Label(zh="销售", en="Sales")),
    DemoNumber(dnis="4002", label=Label(zh="技术支持", en="Support")),
    DemoNumber(dnis="4003", label=Label(zh="自助服务", en="Self-service")),
)
CALLERS: Final = (
    DemoCaller(ani="+8613800138000", label=Label(zh="老客户（中文）", en="Known customer (Chinese)")),
    DemoCaller(ani="+442079460000", label=Label(zh="老客户（英语）", en="Known customer (English)")),
    DemoCaller(ani="+8613900139000", label=Label(zh="两位客户共用的号码", en="A number two customers share")),
    DemoCaller(ani="+8613712345678", label=Label(zh="陌生号码", en="Unknown number")),
    DemoCaller(ani=None, label=Label(zh="隐藏号码", en="Withheld number")),
)
LOGINS: Final = (
    *(DemoLogin(name=agent_id, role=Role.AGENT) for agent_id in AGENTS),
    DemoLogin(name="super", role=Role.SUPERVISOR),
    DemoLogin(name="admin", role=Role.ADMINISTRATOR),
)
RESTART_PAUSE: Final = timedelta(seconds=1)
ORPHAN_LIMIT: Final = timedelta(seconds=10)
"""A server whose demo was killed notices that within seconds, goes, and frees its ports."""


class DemoError(Exception):
    """The demo cannot run; the message says what to do."""


def demo_info_from_environment(settings: Settings) -> DemoInfo | None:
    """What the pages tell a newcomer; None outside the demo."""
    if not settings.demo.enabled:
        return None
    return DemoInfo(
        numbers=NUMBERS,
        callers=CALLERS,
        phone=PhoneAccount(
            sip_uri=f"sip:{DEMO_CALLER}@{settings.sip.bind}",
            user=DEMO_CALLER,
            password=settings.demo.password,
            websocket_url=settings.websocket_url,
        ),
        logins=LOGINS,
    )


async def run_demo(config: Path | None, *, calls_a_minute: float) -> int:
    """Bring everything up, print where it is, and keep it until Ctrl-C or SIGTERM, whenever that comes."""
    stop = asyncio.Event()
    with on_stop_signals(stop.set):
        running = asyncio.create_task(_demo(config, calls_a_minute), name="demo")
        stopped = asyncio.create_task(stop.wait(), name="stop order")
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()
            stopped.cancel()
            await asyncio.gather(running, stopped, return_exceptions=True)
        return 0 if running.cancelled() else running.result()


async def _demo(config: Path | None, calls_a_minute: float) -> int:
    base = _base_directory()
    put_demo_defaults(os.environ, base)
    settings = load(config)
    configure_logs(settings)
    if not settings.demo.password:
        raise DemoError("CALLCENTER_DEMO_PASSWORD is empty; leave it out or give one")
    if settings.demo.password == DEFAULT_PASSWORD and not _is_loopback(settings):
        raise DemoError("the demo with its printed password stays on loopback; set CALLCENTER_DEMO_PASSWORD to open it")
    if calls_a_minute > 0 and shutil.which("sipp") is None:
        raise DemoError("there is no SIPp to make traffic with; apt-get install sip-tester, or leave --traffic out")
    if not _ui_is_built(settings):
        log.warning("ui_not_built", directory=str(settings.server.ui_directory), mend="run scripts/start")
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_alone_in(base))
        await _free_ports(settings, base)
        parts = await prepare_demo(settings, base)
        stack.push_async_callback(parts.asterisk.stop)
        await parts.asterisk.start()
        return await _serve(settings, parts, calls_a_minute, config)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoParts:
    """What a demo is made of before anything runs."""

    asterisk: PrivateAsterisk
    base: Path


def _base_directory() -> Path:
    return Path(os.environ.get("CALLCENTER_DEMO_DIRECTORY", PROJECT / ".run" / "demo")).absolute()


def put_demo_defaults(environment: MutableMapping[str, str], base: Path) -> None:
    """What makes it the demo, unless the environment says otherwise; the server's process inherits it."""
    defaults = {
        "CALLCENTER_DEMO_ENABLED": "true",
        "CALLCENTER_DEMO_PASSWORD": DEFAULT_PASSWORD,
        "CALLCENTER_SERVER_DATA_DIRECTORY": str(base / "data"),
        "CALLCENTER_SERVER_UI_DIRECTORY": str(PROJECT / "agent_ui" / "dist"),
        "CALLCENTER_SERVER_LOG_FORMAT": "console",
        "CALLCENTER_SERVER_WALL_LINKS": "true",
        "CALLCENTER_SERVER_LOG_LEVEL": "warning",
        "CALLCENTER_FLOWS_DIRECTORY": str(PROJECT / "ivr_flows"),
        "CALLCENTER_FLOWS_DEFAULT": "main",
        "CALLCENTER_FLOWS_SOUND_DIRECTORY": str(base / "asterisk" / "data" / "sounds"),
        "CALLCENTER_ASTERISK_CHANNEL_LOG": str(base / "asterisk" / "log" / "cel-custom" / "callcenter.csv"),
        "CALLCENTER_ASTERISK_AMI_SECRET": secrets.token_urlsafe(24),
        "CALLCENTER_ASTERISK_PRIVATE_DIRECTORY": str(base / "asterisk"),
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)


def _ui_is_built(settings: Settings) -> bool:
    return (settings.server.ui_directory / "index.html").is_file()


def _is_loopback(settings: Settings) -> bool:
    return all(address.startswith("127.") or address == "::1" for address in (settings.server.bind, settings.sip.bind))


@contextlib.contextmanager
def _alone_in(base: Path) -> Iterator[None]:
    """Hold the demo's directory; the kernel lets go of it however this process ends."""
    try:
        base.mkdir(parents=True, exist_ok=True)
        lock = (base / "demo.lock").open("w")
    except OSError as error:
        raise DemoError(
            f"{base} cannot be written to ({error.strerror}); set another directory (CALLCENTER_DEMO_DIRECTORY)"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"a demo runs in {base} already; stop it, or give this one ports of its own and a directory of its own "
                "(CALLCENTER_DEMO_DIRECTORY)"
            ) from None
        yield


async def _free_ports(settings: Settings, base: Path) -> None:
    """Refuse ports that cannot be had, after clearing away what a killed demo left in `base`."""
    installation = private_installation()
    left_over = await stop_left_over(installation, private_directories(base / "asterisk", installation))
    if left_over:
        log.warning("stopped_left_over_asterisk")
    loop = asyncio.get_running_loop()
    give_up = loop.time() + (ORPHAN_LIMIT.total_seconds() if left_over else 0)
    while True:
        try:
            return refuse_taken((*server_ports(settings), *asterisk_ports(settings)))
        except SettingsError:
            if loop.time() >= give_up:
                raise
        # A process that is not our child cannot be awaited, only looked for.
        await asyncio.sleep(0.2)


async def prepare_demo(settings: Settings, base: Path) -> DemoParts:
    """Make the database with its demo data, and the Asterisk that is to be started.

    An Asterisk that an earlier run left in `base` is stopped. Raises what stands in the way.
    """
    installation = private_installation()
    directories = private_directories(base / "asterisk", installation)
    await stop_left_over(installation, directories)
    await asyncio.to_thread(make_data_directory, settings)
    database = Database(settings.database_url)
    password = settings.demo.password
    try:
        await upgrade_database(database)
        password_hash = await asyncio.to_thread(hash_password, password)
        await load_demo(database, password_hash=password_hash, phone_secret=lambda _: password, now=SystemClock().now())
        pbx = await _private_pbx(settings, directories, database)
        # The server would refuse them too, but then Asterisk would have been started for nothing.
        await load_lines(settings, database)
    finally:
        await database.dispose()
    await asyncio.to_thread(install_emergency_script, settings)
    return DemoParts(asterisk=PrivateAsterisk(installation, pbx), base=base)


async def _private_pbx(settings: Settings, directories: Directories, database: Database) -> PbxConfig:
    configuration = StoredConfiguration(database)
    return private_pbx_config(
        settings,
        directories,
        await configuration.phone_secrets(),
        await configuration.queues(),
        await configuration.agents(),
    )


async def _serve(settings: Settings, parts: DemoParts, calls_a_minute: float, config: Path | None) -> int:
    command = [sys.executable, "-m", "callcenter", "serve", "--unwatched"]
    if config is not None:
        command += ["--config", str(config)]
    announced = asyncio.Event()
    watch = Watch(command, on_ready=announced.set)
    helpers = [
        asyncio.create_task(_keep_asterisk(settings, parts), name="asterisk"),
        asyncio.create_task(_announce(settings, announced, calls_a_minute), name="announcement"),
    ]
    if calls_a_minute > 0:
        helpers.append(asyncio.create_task(_traffic(settings, parts, announced, calls_a_minute), name="traffic"))
    serving = asyncio.create_task(watch.run(), name="server")
    try:
        await asyncio.wait([serving, *helpers[:1]], return_when=asyncio.FIRST_COMPLETED)
        watch.stop()
        status = await serving
    finally:
        for task in helpers:
            task.cancel()
        results = await asyncio.gather(*helpers, return_exceptions=True)
        if not serving.done():
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    for result in results:
        if isinstance(result, AsteriskError):
            raise result
    return status


async def _keep_asterisk(settings: Settings, parts: DemoParts) -> None:
    """As a distribution's service would: an Asterisk that ended is started again, with the accounts of now."""
    asterisk = parts.asterisk
    while True:
        status = await asterisk.wait()
        log.error("asterisk_ended", status=status, log=str(asterisk.console_log))
        await asyncio.sleep(RESTART_PAUSE.total_seconds())
        await asterisk.stop()
        database = Database(settings.database_url)
        try:
            asterisk.config = await _private_pbx(settings, asterisk.config.directories, database)
        except CallcenterError as error:
            # With the accounts of before, then: the server brings the others as soon as it can read them.
            log.warning("accounts_not_read", code=error.code, error=str(error))
        finally:
            await database.dispose()
        await asterisk.start()


async def _traffic(settings: Settings, parts: DemoParts, announced: asyncio.Event, calls_a_minute: float) -> None:
    await announced.wait()
    traffic = Traffic(
        TrafficConfig(
            web_url=f"http://{settings.server.bind}:{settings.server.port}",
            sip_host=settings.sip.bind,
            sip_port=settings.sip.port,
            password=settings.demo.password,
            calls_a_minute=calls_a_minute,
            directory=parts.base / "traffic",
        )
    )
    try:
        await traffic.run()
    except TrafficError as error:
        # The demo is there without it, and whoever asked for it is told.
        log.error("traffic_ended", code=error.code, error=str(error))  # noqa: TRY400  The message says it all.


async def _announce(settings: Settings, announced: asyncio.Event, calls_a_minute: float) -> None:
    await announced.wait()
    print(_banner(settings, calls_a_minute), flush=True)  # noqa: T201  It is for the person at the terminal.


def _banner(settings: Settings, calls_a_minute: float) -> str:
    web = f"http://{settings.server.bind}:{settings.server.port}"
    sip = f"{settings.sip.bind}:{settings.sip.port}"
    numbers = "   ".join(f"{number.dnis} {number.label.en} / {number.label.zh}" for number in NUMBERS)
    accounts = ", ".join(f"{number} PIN {pin}" for number, pin in DEMO_ACCOUNTS.values())
    traffic = (
        f"\n  Traffic       {calls_a_minute:g} simulated calls a minute, agents 1006-1010" if calls_a_minute else ""
    )
    return f"""
callcenter is running / 呼叫中心已启动

  Agents' desk  {web}/desk      坐席工作台
  Queue board   {web}/board     队列看板
  Call from the browser  {web}/call   在浏览器里拨打
  Logins        1001 ... 1010 (agents), super (supervisor), admin; password: {settings.demo.password}
                坐席 1001 ... 1010、班长 super、管理员 admin，密码同上
  SIP phones    user 1001 ... 1010, same password, UDP {sip}
  Callers       from {CALLERS_ADDRESS} to UDP {sip}; numbers to dial:
                {numbers}
  Known callers +8613800138000, +442079460000
  Self-service  4003 自助服务; customer numbers 客户号码: {accounts}; orders 订单: 70012, 70015{traffic}

  Two minutes: open /desk, sign in as 1001, choose "browser phone", get ready; open /call in another tab and dial 4001.
  两分钟上手：打开 /desk 以 1001 登录，选择“浏览器电话”，就绪；另开 /call 拨打 4001。

  Ctrl-C stops everything. / 按 Ctrl-C 停止。
"""
