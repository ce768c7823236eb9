"""Asterisk's configuration out of the settings and what the business has set; for a private Asterisk, kept up to date.

A private Asterisk is one that `callcenter demo` (scripts/start) runs: its files are ours, under one directory.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from callcenter.app.business_checks import able_agents
from callcenter.app.exchange_accounts import ExchangeFilesFailed
from callcenter.asterisk.config_files import (
    Directories,
    FallbackQueue,
    PbxConfig,
    PhoneAccount,
    TrunkConfig,
    installed_modules,
)
from callcenter.asterisk.emergency_spool import SCRIPT
from callcenter.asterisk.errors import AsteriskError
from callcenter.asterisk.installation import Installation, find_installation, private_directories
from callcenter.asterisk.live_files import LiveFiles
from callcenter.domain.agents import AgentConfig
from callcenter.domain.ids import AgentId
from callcenter.domain.queues import QueueConfig
from callcenter.settings import Settings, TrunkSettings

PROJECT: Final = Path(__file__).resolve().parents[1]
CALLERS_ADDRESS: Final = "127.0.0.2"
"""Where the demo's callers come from when the settings have no trunk."""


class PrivateFiles:
    """Gives the private Asterisk what the business has now."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._settings = settings
        self._directory = directory
        self._place: tuple[Installation, Directories] | None = None

    async def apply(
        self, secrets: Mapping[AgentId, str], queues: tuple[QueueConfig, ...], agents: tuple[AgentConfig, ...]
    ) -> None:
        """Write what differs and have it read; raises `ExchangeFilesFailed`."""
        try:
            if self._place is None:
                installation = private_installation()
                self._place = (installation, private_directories(self._directory, installation))
            installation, directories = self._place
            config = private_pbx_config(self._settings, directories, secrets, queues, agents)
            await LiveFiles(installation).apply(config)
        except (AsteriskError, OSError) as error:
            raise ExchangeFilesFailed(str(error)) from error


def private_installation() -> Installation:
    """The Asterisk that scripts/get-asterisk left; AsteriskSetupError where there is none."""
    return find_installation(Path(os.environ.get("CALLCENTER_TOOLS_DIR", PROJECT / ".tools")))


def private_pbx_config(
    settings: Settings,
    directories: Directories,
    secrets: Mapping[AgentId, str],
    queues: tuple[QueueConfig, ...],
    agents: tuple[AgentConfig, ...],
) -> PbxConfig:
    """What a private Asterisk in these directories is to be."""
    demo = settings.demo
    return pbx_config(
        settings.model_copy(update={"trunks": private_trunks(settings)}),
        directories,
        phones=phone_accounts(secrets),
        fallback=fallback_queues(queues, agents),
        demo_caller_secret=demo.password if demo.enabled else None,
        modules_present=installed_modules(directories.modules),
    )


def private_trunks(settings: Settings) -> tuple[TrunkSettings, ...]:
    """Over what callers come to a private Asterisk: where nothing is set, from this machine's own second address."""
    return settings.trunks or (TrunkSettings(name="demo", match=(CALLERS_ADDRESS,)),)


def phone_accounts(secrets: Mapping[AgentId, str]) -> tuple[PhoneAccount, ...]:
    """The SIP accounts of agents."""
    return tuple(PhoneAccount(agent_id=agent, secret=secret) for agent, secret in sorted(secrets.items()))


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
        rtp_timeout_seconds=sip.silence_seconds,
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
