"""The business's configuration for those who change it on the pages: present, put, versions.

Law: what was checked is what is written; where something else has come between, nothing is.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from callcenter.app.business import Business, Change, ChangeKind, ConfigurationVersion, Part
from callcenter.domain.errors import Outdated
from callcenter.domain.ids import AgentId
from callcenter.store.business import (
    list_versions,
    lock_business,
    newest_version,
    put_business,
    read_business,
    read_version,
    refuse_in_use,
    users_of,
    version_before,
)
from callcenter.store.configuration import put_phone_secret
from callcenter.store.database import Database


class StoredBusiness:
    """Implements `callcenter.app.business_book.BusinessStore`."""

    def __init__(self, database: Database, *, new_secret: Callable[[], str]) -> None:
        """`new_secret` makes the secrets of new agents' SIP accounts."""
        self._database = database
        self._new_secret = new_secret

    async def present(self) -> tuple[int, Business]:
        """The newest version's number, 0 before the first, and what there is."""
        async with self._database.reading() as connection:
            return await newest_version(connection), await read_business(connection)

    async def put(
        self,
        before: Business,
        after: Business,
        found: Sequence[Change],
        text: str,
        *,
        at: datetime,
        by: str,
        note: str,
        dry_run: bool,
    ) -> int:
        """Make `after` of `before`; the new version. New agents get a secret for their SIP accounts."""
        if dry_run:
            async with self._database.reading() as connection:
                await refuse_in_use(connection, found)
                return await newest_version(connection)
        async with self._database.writing() as connection:
            await lock_business(connection)
            if await read_business(connection) != before:
                raise Outdated("the configuration was changed by somebody else at the same moment; try again")
            version = await put_business(connection, before, after, found, at=at, by=by, note=note, text=text)
            for change in found:
                if change.part is Part.AGENTS and change.kind is ChangeKind.ADDED:
                    await put_phone_secret(connection, AgentId(change.item), self._new_secret())
        return version

    async def versions(self, *, limit: int, before: int | None) -> tuple[ConfigurationVersion, ...]:
        """The newest versions, the newest first, without their texts."""
        async with self._database.reading() as connection:
            return await list_versions(connection, limit=limit, before=before)

    async def version(self, version: int) -> ConfigurationVersion:
        """One version; `NotFound`."""
        async with self._database.reading() as connection:
            return await read_version(connection, version)

    async def version_before(self, version: int) -> ConfigurationVersion | None:
        """The one before a version; None before the first."""
        async with self._database.reading() as connection:
            return await version_before(connection, version)

    async def users_of(self, agent_ids: Sequence[AgentId]) -> Mapping[AgentId, str]:
        """The login names that sit at these agents' desks."""
        async with self._database.reading() as connection:
            return await users_of(connection, agent_ids)
