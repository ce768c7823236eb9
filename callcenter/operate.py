"""What an operator does beside serving: check the configuration, upgrade the tables, write Asterisk's files."""

import asyncio
from pathlib import Path

from callcenter.app.business_checks import able_agents
from callcenter.asterisk.config_files import (
    Directories,
    FallbackQueue,
    PbxConfig,
    PhoneAccount,
    TrunkConfig,
    render_includes,
    write,
)
from callcenter.asterisk.emergency_spool import SCRIPT, write_emergency_script
from callcenter.bootstrap import load_lines
from callcenter.domain.agents import AgentConfig
from callcenter.domain.queues import QueueConfig
from callcenter.settings import Settings, check_runnable, make_data_directory
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.schema import check_schema, current, upgrade_database

DEBIAN_DIRECTORIES = Directories(
    etc=Path("/etc/asterisk"),
    modules=Path("/usr/lib/asterisk/modules"),
    data=Path("/usr/share/asterisk"),
    agi=Path("/usr/share/asterisk/agi-bin"),
    moh=Path("/usr/share/asterisk/moh"),
    var=Path("/var/lib/asterisk"),
    spool=Path("/var/spool/asterisk"),
    run=Path("/var/run/asterisk"),
    log=Path("/var/log/asterisk"),
)
"""Where Debian's and Ubuntu's packages keep things; the include files name only few of them."""


async def check_configuration(settings: Settings) -> list[str]:
    """Lines that say what was checked; raises what is wrong."""
    check_runnable(settings)
    database = Database(settings.database_url)
    try:
        await check_schema(database)
        configuration = StoredConfiguration(database)
        lines = await load_lines(settings, database)
        queues = await configuration.queues()
        agents = await configuration.agents()
    finally:
        await database.dispose()
    told = [
        "settings: ok",
        f"database: ok, {database.url_for_people}",
        f"flows: ok, {', '.join(f'{flow.name} ({flow.version})' for flow in lines.flows.values())}",
        f"numbers: {', '.join(f'{dnis} -> {flow}' for dnis, flow in sorted(lines.flow_of_dnis.items())) or 'none'}",
    ]
    for queue in queues:
        able = able_agents(queue, agents)
        told.append(f"queue {queue.queue_id}: {len(able)} of {len(agents)} agents can serve it")
    return told


async def upgrade_schema(settings: Settings) -> str:
    """Bring the tables to this program's version; says from where to where."""
    if not settings.database.url:
        make_data_directory(settings)
    database = Database(settings.database_url)
    try:
        before = await current(database)
        await upgrade_database(database)
        after = await current(database)
    finally:
        await database.dispose()
    if before == after:
        return f"database {database.url_for_people}: its tables have version {after} already"
    return f"database {database.url_for_people}: its tables went from version {before or 'none'} to {after}"


async def write_asterisk_files(settings: Settings, directory: Path) -> tuple[str, ...]:
    """Write the include files for an Asterisk one already has; returns their names."""
    check_runnable(settings)
    database = Database(settings.database_url)
    try:
        await check_schema(database)
        configuration = StoredConfiguration(database)
        secrets = await configuration.phone_secrets()
        config = pbx_config(
            settings,
            DEBIAN_DIRECTORIES,
            phones=tuple(PhoneAccount(agent_id=agent, secret=secret) for agent, secret in sorted(secrets.items())),
            fallback=fallback_queues(await configuration.queues(), await configuration.agents()),
        )
    finally:
        await database.dispose()
    await asyncio.to_thread(install_emergency_script, settings)
    return write(render_includes(config), directory)


def fallback_queues(queues: tuple[QueueConfig, ...], agents: tuple[AgentConfig, ...]) -> tuple[FallbackQueue, ...]:
    """The plain queues that stand in when the server is away for long: whoever could serve them is a member."""
    named = [
        FallbackQueue(
            name=queue.queue_id,
            members=tuple(f"PJSIP/{agent.agent_id}" for agent in able_agents(queue, agents)),
            music=queue.music_class,
        )
        for queue in queues
    ]
    everyone = FallbackQueue(name="default", members=tuple(f"PJSIP/{agent.agent_id}" for agent in agents))
    return (*named, everyone)


def pbx_config(
    settings: Settings,
    directories: Directories,
    *,
    phones: tuple[PhoneAccount, ...],
    fallback: tuple[FallbackQueue, ...],
    demo_caller_secret: str | None = None,
    modules_present: frozenset[str] = frozenset(),
) -> PbxConfig:
    """Asterisk's configuration as the settings want it."""
    sip, asterisk = settings.sip, settings.asterisk
    return PbxConfig(
        directories=directories,
        ami_secret=asterisk.ami_secret,
        system_name=asterisk.system_name,
        language=settings.server.language,
        sip_bind=sip.bind,
        sip_port=sip.port,
        http_bind=sip.http_bind,
        http_port=sip.http_port,
        ami_bind=asterisk.ami_host,
        ami_port=asterisk.ami_port,
        ami_user=asterisk.ami_user,
        fastagi_host=asterisk.fastagi_bind,
        fastagi_port=asterisk.fastagi_port,
        rtp_start=sip.rtp_start,
        rtp_end=sip.rtp_end,
        media_address=sip.media_address or (sip.bind if sip.bind not in ("0.0.0.0", "::") else None),  # noqa: S104
        external_address=sip.external_address,
        local_nets=sip.local_networks,
        trunks=tuple(
            TrunkConfig(
                name=trunk.name,
                match=trunk.match,
                trust_asserted_identity=trunk.trust_asserted_identity,
                outbound_proxy=trunk.outbound_proxy,
                contact=trunk.contact,
                username=trunk.username,
                secret=trunk.secret,
            )
            for trunk in settings.trunks
        ),
        phones=phones,
        fallback_queues=fallback,
        demo_caller_secret=demo_caller_secret,
        emergency_agi=str(settings.emergency_directory.absolute() / SCRIPT),
        apology_after_seconds=asterisk.apology_after_seconds,
        fallback_after_seconds=asterisk.fallback_after_seconds,
        fallback_limit_seconds=asterisk.fallback_limit_seconds,
        modules_present=modules_present,
    )


def install_emergency_script(settings: Settings) -> Path:
    """Write the script that Asterisk runs for callers while the server is away; returns its path."""
    return write_emergency_script(
        settings.emergency_directory,
        settings.sound_directory,
        callbacks=settings.asterisk.outside_trunk is not None,
    )
