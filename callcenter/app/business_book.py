"""What administrators do with the business's configuration while calls go on: look, change one item, apply, undo.

Law: a change is checked as a whole before anything is written, is one version with who, when and why, and is refused
where somebody else changed the same meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from callcenter.app.business import (
    ONE_OF,
    ORDERED_PARTS,
    Business,
    Change,
    ChangeKind,
    ConfigurationVersion,
    Part,
    changes,
    combine,
    in_order,
    with_item,
)
from callcenter.app.business_best_offers import KnownConditions
from callcenter.app.business_checks import warnings
from callcenter.app.business_file import BusinessFile, read_business
from callcenter.app.business_item import BusinessFaulty, FieldFault, ItemFile, Json, item_document, tag_of
from callcenter.app.business_tables import Table
from callcenter.app.business_text import tables_of, write_business
from callcenter.app.flow_lines import LinesOfBusiness, make_lines
from callcenter.app.flow_shelf import FlowShelf
from callcenter.app.flow_views import DifferentLine
from callcenter.app.flow_views import differences as different_lines
from callcenter.app.lines import Lines
from callcenter.app.opening_hours import opening_hours
from callcenter.app.ports import Clock
from callcenter.domain.agents import AgentConfig
from callcenter.domain.errors import Conflict, InvalidValue, NotFound, Outdated
from callcenter.domain.ids import AgentId
from callcenter.ivr.faults import Fault, FlowError

FILENAME = "configuration.yaml"
MOST_TRIES = 3


class BusinessStore(Protocol):
    """Where the configuration and its versions are kept."""

    async def present(self) -> tuple[int, Business]:
        """The newest version's number, 0 before the first, and what there is."""
        ...

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
        """Make `after` of `before`; the new version. `Outdated` where there is something else than `before` by now.

        `BusinessInUse` for what cannot be removed now; a dry run looks for that alone.
        """
        ...

    async def versions(self, *, limit: int, before: int | None) -> tuple[ConfigurationVersion, ...]:
        """The newest versions, the newest first, without their texts."""
        ...

    async def version(self, version: int) -> ConfigurationVersion:
        """One version; `NotFound`."""
        ...

    async def version_before(self, version: int) -> ConfigurationVersion | None:
        """The one before a version; None before the first."""
        ...

    async def users_of(self, agent_ids: Sequence[AgentId]) -> Mapping[AgentId, str]:
        """The login names that sit at these agents' desks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item as a document; `tag` names exactly this content."""

    item_id: str
    document: Table
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """All items of a part, in the order in which they are written."""

    version: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a change did, or (dry run) would do; `version` is the newest now."""

    version: int
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    item: Item | None = None


class BusinessBook:
    """The use cases of the pages of configuration."""

    def __init__(
        self,
        *,
        store: BusinessStore,
        shelf: FlowShelf,
        conditions: Callable[[], Awaitable[KnownConditions]],
        clock: Clock,
    ) -> None:
        """`conditions` tells what conditions may name at that moment."""
        self._store = store
        self._conditions = conditions
        self._shelf = shelf
        self._clock = clock
        self._changing = asyncio.Lock()

    # ---- looking

    async def present(self) -> tuple[int, Business]:
        """The newest version's number, and what there is."""
        return await self._store.present()

    async def items(self, part: Part) -> Items:
        """Every item of a part."""
        version, business = await self._store.present()
        found = tables_of(business, part)
        return Items(version=version, items=tuple(_item(name, table) for name, table in found.items()))

    async def item(self, part: Part, item: str) -> Item:
        """One item; `NotFound`."""
        _, business = await self._store.present()
        return _item(item, item_document(business, part, item))

    async def text(self) -> tuple[int, str]:
        """The whole configuration as YAML, and its version."""
        version, business = await self._store.present()
        return version, await asyncio.to_thread(write_business, business)

    # ---- one item

    async def put_item(
        self,
        part: Part,
        item: str,
        document: Mapping[str, Json],
        *,
        by: str,
        note: str = "",
        tag: str | None = None,
        new: bool = False,
        dry_run: bool = False,
    ) -> Applied:
        """Make or change one item; an agent without a phone in the document keeps his own.

        `tag` is that of the document that was read (None: whatever is there), `new` that it must not be there yet.
        Raises `BusinessFaulty`, `Outdated`, `Conflict`.
        """
        file = await asyncio.to_thread(ItemFile, part, item, document)

        def wanted(present: Business) -> Business:
            here = tables_of(present, part).get(item)
            if new and here is not None:
                raise Conflict(f"there is a {ONE_OF[part]} {item} already; choose another id", code="item_exists")
            _check_tag(part, item, here, tag)
            return with_item(present, part, item, combine(present, file.file.wanted, remove_missing=False))

        return await self._change(wanted, file, by=by, note=note, dry_run=dry_run, item=(part, item))

    async def remove_item(
        self, part: Part, item: str, *, by: str, note: str = "", tag: str | None = None, dry_run: bool = False
    ) -> Applied:
        """Take one item away; raises `NotFound`, `BusinessFaulty`, `BusinessInUse`, `Outdated`."""

        def wanted(present: Business) -> Business:
            _check_tag(part, item, item_document(present, part, item), tag)
            return with_item(present, part, item, Business())

        return await self._change(wanted, None, by=by, note=note, dry_run=dry_run)

    async def order(self, part: Part, order: Sequence[str], *, by: str) -> Applied:
        """Offer the reasons or the dispositions in this order."""
        if part not in ORDERED_PARTS:
            raise InvalidValue(f"the {part} have no order of their own", code="no_order")
        return await self._change(lambda present: in_order(present, part, order), None, by=by, note="", dry_run=False)

    # ---- the whole of it

    async def apply(
        self, text: str, *, by: str, note: str = "", remove_missing: bool, based_on: int | None, dry_run: bool = False
    ) -> Applied:
        """Apply a whole file; raises `BusinessFaulty` with the lines, `Outdated` where `based_on` is not the newest."""
        file = await asyncio.to_thread(_read, text)
        return await self._change(
            lambda present: combine(present, file.wanted, remove_missing=remove_missing),
            file,
            by=by,
            note=note,
            dry_run=dry_run,
            based_on=based_on,
        )

    async def compare(self, text: str) -> tuple[DifferentLine, ...]:
        """The lines in which a text differs from what counts."""
        _, present = await self.text()
        return await asyncio.to_thread(different_lines, present, text)

    # ---- versions

    async def versions(self, *, limit: int, before: int | None = None) -> tuple[ConfigurationVersion, ...]:
        """The newest versions, the newest first, without their texts."""
        return await self._store.versions(limit=limit, before=before)

    async def version(self, version: int) -> ConfigurationVersion:
        """One version with its text."""
        return await self._store.version(version)

    async def differences(self, version: int, other: int | None) -> tuple[DifferentLine, ...]:
        """The lines in which a version differs from another one, or from the one before it."""
        new = (await self._store.version(version)).text
        old = await self._store.version_before(version) if other is None else await self._store.version(other)
        return await asyncio.to_thread(different_lines, "" if old is None else old.text, new)

    async def restore(self, version: int, *, by: str, note: str = "", based_on: int | None = None) -> Applied:
        """Make everything as it was in a version; agents keep the phones they chose where that one names none."""
        text = (await self._store.version(version)).text
        return await self.apply(text, by=by, note=note, remove_missing=True, based_on=based_on)

    async def undo(self, version: int, *, by: str, note: str = "") -> Applied:
        """Take back what one version changed; `Outdated` where any of it has been changed since."""
        after = await self._business_of(await self._store.version(version))
        earlier = await self._store.version_before(version)
        if earlier is None:
            what = f"version {version} is the first: before it nothing was kept; remove by hand what is to go"
            raise Conflict(what, code="first_version")
        before = await self._business_of(earlier)
        return await self._change(lambda now: _taken_back(now, before, after), None, by=by, note=note, dry_run=False)

    async def _business_of(self, version: ConfigurationVersion) -> Business:
        return (await asyncio.to_thread(_read, version.text)).wanted.business

    # ---- what all changes share

    async def _change(
        self,
        wanted: Callable[[Business], Business],
        source: "ItemFile | BusinessFile | None",
        *,
        by: str,
        note: str,
        dry_run: bool,
        based_on: int | None = None,
        item: tuple[Part, str] | None = None,
    ) -> Applied:
        async with self._changing:
            for tries_left in reversed(range(MOST_TRIES)):
                version, before = await self._store.present()
                if based_on is not None and based_on != version:
                    raise Outdated(f"the newest version is {version} by now, not {based_on}; look at what changed")
                after = wanted(before)
                conditions = await self._conditions() if after.best_offers else None
                found, doubts, text = await asyncio.to_thread(self._checked, before, after, source, conditions)
                if found or dry_run:
                    try:
                        version = await self._store.put(
                            before, after, found, text, at=self._clock.now(), by=by, note=note, dry_run=dry_run
                        )
                    except Outdated:
                        # Another process came between; whether it matters is looked at anew.
                        if not tries_left:
                            raise
                        continue
                orphans = await self._orphans(found)
                made = _item(item[1], item_document(after, *item)) if item is not None else None
                return Applied(version=version, changes=found, warnings=(*doubts, *orphans), item=made)
        raise AssertionError("the last try returns or raises")

    def _checked(
        self,
        before: Business,
        after: Business,
        source: "ItemFile | BusinessFile | None",
        conditions: KnownConditions | None,
    ) -> tuple[tuple[Change, ...], tuple[str, ...], str]:
        """What changes, what may not be meant so, and the new text; raises `BusinessFaulty`."""
        found = changes(before, after)
        if found:
            self._check(before, after, source, conditions)
        if not found:
            return (), (), ""
        # What was doubtful before is not this change's doing.
        known = set(warnings(before))
        return found, tuple(line for line in warnings(after) if line not in known), write_business(after)

    def _check(
        self,
        before: Business,
        after: Business,
        source: "ItemFile | BusinessFile | None",
        conditions: KnownConditions | None,
    ) -> None:
        faults: list[Fault] = []
        lines: Lines | None = None
        try:
            lines = self._lines(after)
        except FlowError as error:
            faults += self._new_faults(before, error.faults)
        file = source.file if isinstance(source, ItemFile) else source
        if file is None:
            file = read_business("alerts: {}\n", "")
        try:
            if lines is None:
                file.check(after, flows=None, conditions=conditions)
            else:
                file.check(after, flows=lines.flows, prompts=lines.waiting_prompts, conditions=conditions)
        except FlowError as error:
            faults += error.faults
        if not faults:
            return
        if isinstance(source, ItemFile):
            raise BusinessFaulty(source.faults(FlowError(faults)))
        raise BusinessFaulty(_with_lines(faults))

    def _new_faults(self, before: Business, faults: Sequence[Fault]) -> list[Fault]:
        try:
            self._lines(before)
        except FlowError as error:
            return [fault for fault in faults if fault not in error.faults]
        return list(faults)

    def _lines(self, business: Business) -> Lines:
        hours = {name: opening_hours(entry) for name, entry in business.hours.items()}
        there = LinesOfBusiness(queues=business.queues, agents=business.agents, hours=hours)
        return make_lines(self._shelf.in_force, self._shelf.rules, there, known=self._shelf.flows.values())

    async def _orphans(self, found: Sequence[Change]) -> tuple[str, ...]:
        gone = [AgentId(c.item) for c in found if c.kind is ChangeKind.REMOVED and c.part is Part.AGENTS]
        users = await self._store.users_of(gone) if gone else {}
        return tuple(f"user {name} loses the agent {agent}" for agent, name in users.items())


def _item(name: str, table: Table) -> Item:
    return Item(item_id=name, document=table, tag=tag_of(table))


def _check_tag(part: Part, item: str, here: Table | None, tag: str | None) -> None:
    if tag is None:
        return
    if here is None:
        raise NotFound(f"there is no {ONE_OF[part]} {item} any more", code="unknown_item")
    if tag_of(here) != tag:
        raise Outdated(f"{ONE_OF[part]} {item} was changed by somebody else meanwhile; look at the difference")


def _read(text: str) -> BusinessFile:
    try:
        return read_business(text, FILENAME)
    except FlowError as error:
        raise BusinessFaulty(_with_lines(error.faults)) from error


def _with_lines(faults: Sequence[Fault]) -> list[FieldFault]:
    return [
        FieldFault(
            field="",
            code=fault.code,
            what=fault.what if fault.filename in (FILENAME, "") else f"{fault.filename}:{fault.line}: {fault.what}",
            right=fault.right,
            line=fault.line if fault.filename == FILENAME else 0,
        )
        for fault in faults
    ]


def _taken_back(now: Business, before: Business, after: Business) -> Business:
    """What there is, with everything that `after` has otherwise than `before` as it was there."""
    made = now
    since: list[str] = []
    touched: set[Part] = set()
    for change in changes(before, after):
        part, item = change.part, change.item
        touched.add(part)
        if change.kind is ChangeKind.ORDERED:
            continue
        here, then, now_then = now.part(part).get(item), before.part(part).get(item), after.part(part).get(item)
        if _without_own_choice(here, then, now_then) != now_then:
            since.append(f"{ONE_OF[part]} {item}")
            continue
        made = with_item(made, part, item, before)
        if isinstance(then, AgentConfig) and isinstance(now_then, AgentConfig) and isinstance(here, AgentConfig):
            agents = dict(made.agents)
            agents[then.agent_id] = replace(then, phone=here.phone) if then.phone == now_then.phone else then
            made = replace(made, agents=agents)
    for part in ORDERED_PARTS:
        if part in touched:
            made = in_order(made, part, tuple(before.part(part)))
    if since:
        raise Outdated(f"changed again since then: {', '.join(since)}; undo that first, or change it by hand")
    return made


def _without_own_choice(here: object, then: object, after: object) -> object:
    """An agent may have chosen another phone meanwhile: that counts only where the change was of his phone."""
    agents = (here, then, after)
    if all(isinstance(agent, AgentConfig) for agent in agents):
        is_agent = [agent for agent in agents if isinstance(agent, AgentConfig)]
        if is_agent[1].phone == is_agent[2].phone:
            return replace(is_agent[0], phone=is_agent[2].phone)
    return here
