"""What people do with flows while calls go on: look at them, check and try a text, publish it, and take that back.

Law: what is published was checked together with everything in force; nothing here touches a call under way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from callcenter.app.flow_figures import FlowCounts, FlowFigures
from callcenter.app.flow_lines import LinesOfBusiness, make_lines
from callcenter.app.flow_shelf import FlowShelf, business_of
from callcenter.app.flow_texts import (
    QUEUE_PROMPTS,
    FlowFaulty,
    FlowNeeded,
    FlowText,
    Publication,
    PublishedTexts,
    check_name,
    effective,
    retracted,
)
from callcenter.app.flow_trial import Trial, run_trial
from callcenter.app.flow_views import (
    CheckView,
    Conversation,
    DifferentLine,
    FlowDocument,
    FlowList,
    FlowRow,
    NumberRef,
    PublicationView,
    WayCount,
    differences,
    fault_views,
    publication_view,
)
from callcenter.app.lines import Lines
from callcenter.app.ports import Clock, Configuration
from callcenter.domain.errors import InvalidValue, NotFound, Overloaded
from callcenter.ivr.faults import Fault, FlowError
from callcenter.ivr.flow import Flow
from callcenter.ivr.picture import drawn_ways, flow_svg
from callcenter.ivr.reader import Surroundings, text_version
from callcenter.ivr.validate import check_flow

MOST_WORKS: Final = 8
"""So many checks and trials may wait for their turn; one more is refused."""
MOST_OTHER_WAYS: Final = 50
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """What came of a check; without `lines` there are faults."""

    lines: Lines | None
    own: tuple[Fault, ...] = ()
    elsewhere: tuple[Fault, ...] = ()


class FlowBook:
    """The use cases of the page of flows and of its commands."""

    def __init__(
        self,
        *,
        shelf: FlowShelf,
        published: PublishedTexts,
        configuration: Configuration,
        figures: FlowFigures,
        clock: Clock,
        lines: Callable[[], Lines],
    ) -> None:
        """`lines` are those that calls have now."""
        self._shelf = shelf
        self._published = published
        self._configuration = configuration
        self._figures = figures
        self._clock = clock
        self._lines = lines
        self._turn = asyncio.Lock()
        self._publishing = asyncio.Lock()
        self._waiting = 0

    # ---- looking

    async def overview(self) -> FlowList:
        """Every flow and the announcements of queues, by name."""
        rows = await self._rows()
        known = {fault.file for row, _ in rows for fault in row.faults}
        texts = {text.filename: text.text for _, text in rows}
        others = tuple(fault for fault in fault_views(self._shelf.faults, texts) if fault.file not in known)
        return FlowList(items=tuple(row for row, _ in rows), faults=others, counted_since=self._figures.day_begins())

    async def read(self, name: str) -> FlowDocument:
        """One of them with the text that counts; `NotFound` when there is none."""
        for row, text in await self._rows():
            if row.name == name:
                return FlowDocument(row=row, text=text.text)
        raise NotFound(f"there is no flow {name}", code="unknown_flow")

    async def picture(self, name: str, *, language: str, counted: bool, dark: bool) -> str:
        """The flow in force as SVG, with how many callers took each way today; `NotFound` when there is none."""
        flows = self._lines().flows
        if name not in flows:
            raise NotFound(f"there is no flow {name} in force", code="unknown_flow")
        flow, counts = flows[name], self._counts(flows)[name]
        return await self._work(
            lambda: flow_svg(flow, language=_spoken(flow, language), counts=counts.ways if counted else None, dark=dark)
        )

    async def history(self, name: str, *, limit: int, before: int | None) -> tuple[PublicationView, ...]:
        """What was published under this name, the newest first."""
        found = await self._published.history(name, limit=limit, before=before)
        newest = (await self._published.newest()).get(name)
        number = newest.version if newest is not None else 0
        return tuple(publication_view(one, text_version(one.text), newest=number) for one in found)

    async def version(self, name: str, version: int) -> Publication:
        """One line of the history with its text; `NotFound` when there is none."""
        return await self._published.version(name, version)

    async def compare(self, name: str, before: str, after: str) -> tuple[DifferentLine, ...]:
        """The lines in which two texts differ; each is `file`, or the number of a version, or `` for what counts."""
        old, new = await self._text(name, before), await self._text(name, after)
        return await self._work(lambda: differences(old, new))

    async def compare_with(self, name: str, text: str) -> tuple[DifferentLine, ...]:
        """The lines in which this text differs from the one that counts; of a new flow, all."""
        known = {row.name: counting for row, counting in await self._rows()}
        old = known.get(name)
        return await self._work(lambda: differences("" if old is None else old.text, text))

    # ---- checking and trying

    async def check(self, name: str, text: str, *, language: str, dark: bool) -> CheckView:
        """What is wrong with a text under this name, together with everything else; its picture when nothing is."""
        check_name(name)
        known = await business_of(self._configuration)
        counts = self._counts(self._lines().flows).get(name, FlowCounts())

        def work() -> CheckView:
            checked = self._check(name, text, known)
            texts = {each.filename: each.text for each in self._shelf.in_force.values()} | {_draft(name): text}
            own, elsewhere = fault_views(checked.own, texts), fault_views(checked.elsewhere, texts)
            version = text_version(text)
            flow = checked.lines.flows.get(name) if checked.lines is not None else None
            if flow is None:
                return CheckView(faults=own, elsewhere=elsewhere, text_version=version)
            return CheckView(
                faults=own,
                elsewhere=elsewhere,
                text_version=version,
                picture=flow_svg(flow, language=_spoken(flow, language), counts=counts.ways, dark=dark),
                languages=flow.languages,
                lines={node: flow.line_of(f"nodes.{node}") for node in flow.nodes},
                started_today=counts.started,
                other_ways=_other_ways(flow, counts),
            )

        return await self._work(work)

    async def attempt(self, name: str, text: str, trial: Trial) -> Conversation:
        """Go through a text as a caller would; `FlowFaulty` when it cannot run."""
        check_name(name)
        known = await business_of(self._configuration)

        def work() -> Conversation:
            checked = self._check(name, text, known)
            if checked.lines is None:
                raise _faulty(checked)
            flow = checked.lines.flows.get(name)
            if flow is None:
                raise InvalidValue("announcements of queues cannot be tried as a flow", code="not_a_flow")
            data = self._shelf.directory.dialogues_of(name)
            return run_trial(flow, checked.lines.flows, trial, hours=known.hours, data=data)

        return await self._work(work)

    # ---- publishing

    async def publish(self, name: str, text: str, *, by: str, note: str, based_on: int) -> FlowRow:
        """Let this text take the place of the one that counts; new calls have it within seconds.

        Raises `FlowFaulty`, and `PublishedMeanwhile` unless `based_on` is the newest version.
        """
        check_name(name)
        async with self._publishing:
            known = await business_of(self._configuration)
            checked = await self._work(lambda: self._check(name, text, known))
            if checked.lines is None:
                raise _faulty(checked)
            now = self._clock.now()
            await self._published.add(Publication(name=name, version=based_on + 1, text=text, by=by, at=now, note=note))
        return (await self.read(name)).row

    async def restore(self, name: str, version: int, *, by: str, note: str, based_on: int) -> FlowRow | None:
        """Publish an old version again; where that took back what was published, take it back again."""
        old = await self._published.version(name, version)
        if old.retracted:
            return await self.retract(name, by=by, note=note, based_on=based_on)
        return await self.publish(name, old.text, by=by, note=note, based_on=based_on)

    async def retract(self, name: str, *, by: str, note: str, based_on: int) -> FlowRow | None:
        """Let the file count again, or without a file let the flow be gone (None).

        Raises `FlowNeeded` where that cannot be, `FlowFaulty` for a file that is not sound, `PublishedMeanwhile`.
        """
        async with self._publishing:
            newest = (await self._published.newest()).get(name)
            if newest is None or newest.retracted:
                raise NotFound(
                    f"nothing of the name {name} is published that could be taken back", code="not_published"
                )
            known = await business_of(self._configuration)
            file = (await asyncio.to_thread(self._shelf.directory.read_only)).texts.get(name)
            checked = await self._work(lambda: self._check(name, None if file is None else file.text, known))
            if checked.lines is None and file is None:
                told = "; ".join(fault.what for fault in (*checked.own, *checked.elsewhere)[:5])
                raise FlowNeeded(f"{name} is needed, and there is no file of it: {told}")
            if checked.lines is None:
                raise _faulty(checked)
            at = self._clock.now()
            line = retracted(newest, by=by, at=at, note=note)
            await self._published.add(_numbered(line, based_on + 1))
        return None if file is None else (await self.read(name)).row

    # ---- what several of these share

    def _check(self, name: str, text: str | None, known: LinesOfBusiness) -> _Checked:
        """Put a text among those in force, or take that of this name away; what is wrong there already is not told."""
        before = dict(self._shelf.in_force)
        texts = {other: each for other, each in before.items() if other != name}
        if text is not None:
            number = Publication(name=name, version=0, text=text, by="", at=self._clock.now(), note="")
            texts[name] = FlowText(name=name, text=text, filename=_draft(name), publication=number)
        try:
            made = self._make(texts, known)
        except FlowError as error:
            faults = dict.fromkeys(error.faults)
        else:
            # A flow that no number leads to yet is to name what there is all the same.
            flow = made.flows.get(name)
            around = Surroundings(agents=known.agents, hours=known.hours, flows=made.flows)
            own = () if text is None or flow is None else check_flow(flow, around)
            return _Checked(lines=None if own else made, own=own)
        old = before.get(name)
        present = self._faults(before, known)
        # What others suffer from now is not this text's doing.
        present = [fault for fault in present if old is None or fault.filename != old.filename]
        faults = dict.fromkeys(fault for fault in faults if fault not in present)
        own = tuple(fault for fault in faults if fault.filename == _draft(name))
        elsewhere = tuple(fault for fault in faults if fault.filename != _draft(name))
        if faults:
            return _Checked(lines=None, own=own, elsewhere=elsewhere)
        # What is wrong was wrong before: the queues still hold.
        return _Checked(lines=self._make(texts, replace(known, numbers=())))

    def _make(self, texts: Mapping[str, FlowText], known: LinesOfBusiness) -> Lines:
        return make_lines(texts, self._shelf.rules, known, known=self._shelf.flows.values())

    def _faults(self, texts: Mapping[str, FlowText], known: LinesOfBusiness) -> Sequence[Fault]:
        try:
            self._make(texts, known)
        except FlowError as error:
            return error.faults
        return ()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        if self._waiting >= MOST_WORKS:
            raise Overloaded(f"{MOST_WORKS} texts wait to be checked; try again in a moment")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def _work(self, work: Callable[[], _Made]) -> _Made:
        # One after the other in a thread: the calls need the rest of the machine.
        async with self._in_turn():
            return await asyncio.to_thread(work)

    async def _text(self, name: str, which: str) -> str:
        if which == "file":
            text = (await asyncio.to_thread(self._shelf.directory.read_only)).texts.get(name)
            return "" if text is None else text.text
        if not which:
            return (await self.read(name)).text
        return (await self._published.version(name, int(which))).text

    def _counts(self, flows: Mapping[str, Flow]) -> Mapping[str, FlowCounts]:
        return self._figures.counts(flows)

    async def _rows(self) -> list[tuple[FlowRow, FlowText]]:
        newest = await self._published.newest()
        files = (await asyncio.to_thread(self._shelf.directory.read_only)).texts
        routes = await self._configuration.numbers()
        texts = effective(files, newest)
        flows, counts = self._lines().flows, self._counts(self._lines().flows)
        used_by: dict[str, list[str]] = {}
        for flow in flows.values():
            for used in flow.flows_used():
                used_by.setdefault(used, []).append(flow.name)
        names = sorted({*texts, *self._shelf.in_force}, key=lambda name: (name == QUEUE_PROMPTS, name))
        rows: list[tuple[FlowRow, FlowText]] = []
        for name in names:
            text = texts.get(name) or self._shelf.in_force[name]
            numbers = tuple(NumberRef(dnis=route.dnis, label=route.label) for route in routes if route.flow == name)
            row = self._row(text, newest.get(name), files.get(name), flows.get(name), counts.get(name), numbers)
            rows.append((_with_users(row, tuple(sorted(used_by.get(name, ()))), self._shelf.rules.default_flow), text))
        return rows

    def _row(
        self,
        text: FlowText,
        newest: Publication | None,
        file: FlowText | None,
        flow: Flow | None,
        counts: FlowCounts | None,
        numbers: tuple[NumberRef, ...],
    ) -> FlowRow:
        heard = self._shelf.in_force.get(text.name)
        own = [fault for fault in self._shelf.faults if fault.filename == text.filename]
        return FlowRow(
            name=text.name,
            kind="prompts" if text.name == QUEUE_PROMPTS else "flow",
            source="file" if text.publication is None else "published",
            version=0 if newest is None else newest.version,
            by=None if newest is None else newest.by,
            at=None if newest is None else newest.at,
            note="" if newest is None else newest.note,
            file=None if file is None else _beside(file.filename, self._shelf.rules.directory),
            text_version=None if heard is None else text_version(heard.text),
            in_force=heard is not None and heard.text == text.text,
            languages=() if flow is None else flow.languages,
            nodes=0 if flow is None else len(flow.nodes),
            numbers=numbers,
            uses=() if flow is None else tuple(flow.flows_used()),
            started_today=None if counts is None else counts.started,
            removable=file is None and text.publication is not None,
            faults=fault_views(own, {text.filename: text.text}),
        )


def _with_users(row: FlowRow, used_by: tuple[str, ...], default: str | None) -> FlowRow:
    needed = bool(used_by or row.numbers or row.name in (default, QUEUE_PROMPTS))
    return replace(row, used_by=used_by, is_default=row.name == default, removable=row.removable and not needed)


def _numbered(publication: Publication, version: int) -> Publication:
    return replace(publication, version=version)


def _faulty(checked: _Checked) -> FlowFaulty:
    faults = (*checked.own, *checked.elsewhere)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return FlowFaulty(f"{faults[0]}{more}")


def _draft(name: str) -> str:
    return f"{name} (draft)"


def _beside(filename: str, directory: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else path.name


def _spoken(flow: Flow, language: str) -> str:
    return language if language in flow.languages else flow.languages[0]


def _other_ways(flow: Flow, counts: FlowCounts) -> tuple[WayCount, ...]:
    drawn = set(drawn_ways(flow))
    rest = sorted((-count, way) for way, count in counts.ways.items() if way not in drawn)
    return tuple(WayCount(one=one, other=other, count=-count) for count, (one, other) in rest[:MOST_OTHER_WAYS])
