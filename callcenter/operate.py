"""What an operator does beside serving: check the configuration, upgrade the tables, write Asterisk's files."""

import asyncio
from pathlib import Path

from callcenter.app.business_checks import able_agents
from callcenter.asterisk.config_files import Directories, render_includes, write
from callcenter.asterisk.emergency_spool import write_emergency_script
from callcenter.exchange_files import fallback_queues, pbx_config, phone_accounts
from callcenter.heard import load_lines
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
        config = pbx_config(
            settings,
            DEBIAN_DIRECTORIES,
            phones=phone_accounts(await configuration.phone_secrets()),
            fallback=fallback_queues(await configuration.queues(), await configuration.agents()),
        )
    finally:
        await database.dispose()
    await asyncio.to_thread(install_emergency_script, settings)
    return write(render_includes(config), directory)


def install_emergency_script(settings: Settings) -> Path:
    """Write the script that Asterisk runs for callers while the server is away; returns its path."""
    return write_emergency_script(
        settings.emergency_directory,
        settings.sound_directory,
        callbacks=settings.asterisk.outside_trunk is not None,
    )
