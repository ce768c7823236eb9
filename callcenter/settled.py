"""What the settings say to single parts, in those parts' own words."""

import tempfile
from pathlib import Path

from callcenter.app.calling_out import CallOutRules
from callcenter.app.trunks import Trunk
from callcenter.asterisk.ami_connection import AmiConfig
from callcenter.asterisk.bridge import BridgeConfig
from callcenter.asterisk.cel import rotated_path
from callcenter.asterisk.fastagi import FastAgiConfig
from callcenter.asterisk.orders import OutsideLine
from callcenter.crm.dialling import DialRules
from callcenter.crm.numbers import normalise
from callcenter.domain.numbers import Number
from callcenter.exchange_files import private_trunks
from callcenter.settings import Settings
from callcenter.store.journal import SPILL_NAME


class NumberReader:
    """Normalises what a trunk gives as the calling number."""

    def __init__(self, region: str) -> None:
        self._region = region

    def __call__(self, raw: str, presentation: str) -> Number:
        """The number of `raw`; `presentation` is Asterisk's CALLERID(pres)."""
        return normalise(raw, self._region, presentation=presentation)


def log_files(settings: Settings) -> tuple[Path, ...]:
    """Files in which callers stand besides the database: patterns of names in their directories."""
    spill = settings.server.data_directory / SPILL_NAME
    # The spill itself is empty by then, and its lines have checksums.
    found = [spill.with_suffix(".damaged"), spill.with_suffix(".rejected")]
    found.append(settings.emergency_directory / "*.unreadable")
    channel_log = settings.asterisk.channel_log
    if channel_log is not None:
        found += [channel_log, rotated_path(channel_log), channel_log.parent.parent / "*.log"]
        found += [channel_log.parent.parent / "messages*", channel_log.parent.parent / "full*"]
    return tuple(found)


def passing_files(settings: Settings, database_file: Path | None) -> tuple[Path, ...]:
    """Files that are there for a while, and stay when a process is killed: exports, and terms that are sorted."""
    sorted_in = Path(tempfile.gettempdir()) if database_file is None else database_file.absolute().parent
    return (settings.temporary_directory / "*", sorted_in / "callcenter-terms-*" / "*")


def trunks_of(settings: Settings, *, is_private: bool) -> tuple[Trunk, ...]:
    """The trunks as administration shows them."""
    return tuple(
        Trunk(
            name=trunk.name,
            match=tuple(map(str, trunk.match)),
            contact=trunk.contact,
            username=trunk.username,
            trusts_identity=trunk.trust_asserted_identity,
            is_outside=trunk.name == settings.asterisk.outside_trunk,
        )
        for trunk in (private_trunks(settings) if is_private else settings.trunks)
    )


def call_out_rules(settings: Settings) -> CallOutRules:
    """Whom agents may call, and how often."""
    calls_out = settings.calls_out
    return CallOutRules(
        dial=DialRules(
            region=settings.server.region,
            allowed=calls_out.allowed_prefixes,
            refused=calls_out.refused_prefixes,
        ),
        can_call_out=settings.asterisk.outside_trunk is not None,
        shown_number=calls_out.shown_number,
        per_agent_per_hour=calls_out.per_agent_per_hour,
        at_once=calls_out.at_once,
    )


def bridge_config(settings: Settings) -> BridgeConfig:
    """Where Asterisk is, and what may reach us from there."""
    asterisk = settings.asterisk
    return BridgeConfig(
        ami=AmiConfig(
            host=asterisk.ami_host, port=asterisk.ami_port, username=asterisk.ami_user, secret=asterisk.ami_secret
        ),
        fastagi=FastAgiConfig(
            host=asterisk.fastagi_bind, port=asterisk.fastagi_port, allowed_networks=asterisk.fastagi_allow
        ),
        outside=OutsideLine(trunk=asterisk.outside_trunk),
        recordings=settings.recordings_directory,
        menu_music=settings.flows.menu_music,
    )
