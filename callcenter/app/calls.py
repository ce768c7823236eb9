"""Answers the questions of callers' channels: the flow of the dialled number first, then the queue's treatment.

Law: a question carries the whole state of its call; an answer never depends on what this process remembers.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from callcenter.app.call_state import CallStage, CallState, place_of
from callcenter.app.callbacks import CustomerLines
from callcenter.app.caller import CallerChannel, CallerGone, EndVerdict, Question, TransferResult, TransferVerdict
from callcenter.app.closing import close_call
from callcenter.app.floor import CallEnded, Floor
from callcenter.app.lookups import Accounts, Lookups, WebClient, card_values
from callcenter.app.menu import Voice, run_flow
from callcenter.app.ports import Clock, CustomerCard, Customers
from callcenter.app.waiting_room import Numbers, WaitingRoom
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.callbacks import Presence
from callcenter.domain.callers import CallerTraits
from callcenter.domain.errors import CallcenterError
from callcenter.domain.hours import OpeningHours
from callcenter.domain.ids import InteractionId, QueueId
from callcenter.domain.interactions import Interaction, Stage
from callcenter.ivr import messages as ivr
from callcenter.ivr.flow import Flow
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.variables import Value
from callcenter.ivr.waiting import WaitingPrompt, WaitingPrompts

log = structlog.get_logger(__name__)

LOOK_UP_LIMIT = timedelta(milliseconds=500)
"""The longest a caller waits for the customer store; after it he is greeted as somebody unknown."""
RESTORE_LIMIT = timedelta(seconds=2)
COMPLAINT = "complaint"
"""The kind of case that counts as a complaint."""
CAUSE_NORMAL = 16
CAUSE_UNALLOCATED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which dialled number leads to which flow; replaced as a whole when the configuration changes."""

    flows: Mapping[str, Flow]
    flow_of_dnis: Mapping[str, str]
    default_flow: str | None
    waiting_prompts: WaitingPrompts
    default_language: str
    hours: Mapping[str, OpeningHours] = field(default_factory=dict)
    """The opening hours that flows name by their ids."""

    def flow_for(self, dnis: str) -> Flow | None:
        """The flow of a dialled number, of the default when the number has none."""
        name = self.flow_of_dnis.get(dnis) or self.flow_of_dnis.get(dnis.removeprefix("+")) or self.default_flow
        return self.flows.get(name) if name is not None else None


class CustomerMemory:
    """The cards of those who are in the house now, so that the pop needs no look-up when an offer is made."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers
        self._cards: dict[InteractionId, tuple[CustomerCard, ...]] = {}

    def cards(self, interaction_id: InteractionId) -> tuple[CustomerCard, ...]:
        """What was found; empty for unknown callers."""
        return self._cards.get(interaction_id, ())

    def knows(self, interaction_id: InteractionId) -> bool:
        """Whether a look-up for this interaction has ended."""
        return interaction_id in self._cards

    def keep(self, interaction_id: InteractionId, cards: tuple[CustomerCard, ...]) -> None:
        """Remember, for example a customer that an agent has just made."""
        self._cards[interaction_id] = cards

    def forget_all_but(self, alive: Mapping[InteractionId, object]) -> None:
        """Drop the cards of interactions that are over."""
        for interaction_id in [i for i in self._cards if i not in alive]:
            del self._cards[interaction_id]

    async def look_up(self, interaction_id: InteractionId, e164: str | None) -> tuple[CustomerCard, ...]:
        """Find out whose number it is, within `LOOK_UP_LIMIT`; a store that is away means nobody is known."""
        known = self._cards.get(interaction_id)
        if known is not None:
            return known
        cards: tuple[CustomerCard, ...] = ()
        if e164 is not None:
            try:
                async with asyncio.timeout(LOOK_UP_LIMIT.total_seconds()):
                    cards = await self._customers.cards_by_contact_point(e164)
            except (TimeoutError, CallcenterError) as error:
                log.warning("customer_look_up_failed", error=str(error) or type(error).__name__)
                return ()
        self._cards[interaction_id] = cards
        return cards

    async def restore(self, alive: Iterable[Interaction]) -> None:
        """After a restart fetch the cards of those who are in the house; whoever is not read within `RESTORE_LIMIT` is
        looked up when his channel asks next."""
        try:
            async with asyncio.timeout(RESTORE_LIMIT.total_seconds()):
                for record in alive:
                    await self._restore_one(record)
        except (TimeoutError, CallcenterError) as error:
            log.warning("customers_not_restored", error=str(error) or type(error).__name__)

    async def _restore_one(self, record: Interaction) -> None:
        chosen = (record.customer_id,) if record.customer_id is not None else ()
        ids = dict.fromkeys((*record.customer_ids, *chosen))
        cards = [await self._customers.card(customer_id) for customer_id in ids]
        found = tuple(card for card in cards if card is not None)
        if found:
            self._cards[record.interaction_id] = found


class Calls:
    """The use case behind every question of a caller's channel."""

    def __init__(
        self,
        *,
        floor: Floor,
        memory: CustomerMemory,
        voice: Voice,
        clock: Clock,
        lines: Lines,
        numbers: Numbers,
        accounts: Accounts | None = None,
        web: WebClient | None = None,
    ) -> None:
        self._floor = floor
        self._lookups = Lookups(
            picture=floor.picture, callers=memory, accounts=accounts, web=web, tell=floor.tell, clock=clock
        )
        self.waiting_room = WaitingRoom(floor=floor, memory=memory, voice=voice, clock=clock, numbers=numbers)
        floor.customer_lines = CustomerLines(voice=voice, words=lambda: self.lines)
        self._memory = memory
        self._voice = voice
        self._clock = clock
        self.lines = lines

    async def answer(self, channel: CallerChannel) -> None:
        """Answer one question; returns also when the caller is gone."""
        question = channel.question
        with structlog.contextvars.bound_contextvars(interaction_id=question.interaction_id):
            try:
                await self._answer(channel, question)
            except CallerGone:
                log.debug("caller_gone_while_asked")

    async def _answer(self, channel: CallerChannel, question: Question) -> None:
        record = self._floor.interactions.get(question.interaction_id)
        if record is not None and record.stage is Stage.ENDED:
            log.warning("ended_call_asks_again", outcome=record.outcome)
            await channel.decide(EndVerdict(), question.state)
            return
        if record is None:
            await self._arrive(question)
        cards = await self._memory.look_up(question.interaction_id, question.ani.e164)
        self._match(question.interaction_id, cards)
        place = place_of(question.interaction_id, question.state, self._clock.now())
        if place is not None:
            await self._wait(channel, question.state, place)
        else:
            await self._menu(channel, question, cards)

    async def _arrive(self, question: Question) -> None:
        await self._floor.request(
            ev.InteractionArrived(
                interaction_id=question.interaction_id,
                at=question.started_at,
                channel=question.channel,
                ani=question.ani,
                dnis=question.dnis,
                caller_name=question.caller_name,
                trunk=question.trunk,
            )
        )
        log.info("call_arrived", dnis=question.dnis, trunk=question.trunk)

    def _match(self, interaction_id: InteractionId, cards: tuple[CustomerCard, ...]) -> None:
        record = self._floor.interactions.get(interaction_id)
        if record is None or record.customer_ids or not cards:
            return
        ids = tuple(card.customer.customer_id for card in cards)
        self._floor.tell(
            ev.CustomerMatched(
                interaction_id=interaction_id,
                at=self._clock.now(),
                customer_ids=ids,
                customer_id=ids[0] if len(ids) == 1 else None,
            )
        )

    # ---- the menu

    async def _menu(self, channel: CallerChannel, question: Question, cards: tuple[CustomerCard, ...]) -> None:
        state = question.state
        flow = self.lines.flows.get(state.flow) if state.flow else self.lines.flow_for(question.dnis)
        flow = flow or self.lines.flow_for(question.dnis)
        if flow is None:
            log.error("number_without_flow", dnis=question.dnis)
            await self._end(channel, state, WaitingPrompt.ERROR, ev.Outcome.FAILED, CAUSE_UNALLOCATED)
            return
        resumed = bool(state.flow == flow.name and state.node)
        if not resumed:
            self._floor.tell(
                ev.FlowStarted(
                    interaction_id=question.interaction_id,
                    at=self._clock.now(),
                    flow=flow.name,
                    flow_version=flow.version,
                )
            )
        walk = _Walk(self, channel, question.interaction_id, replace(state, flow=flow.name))
        start = ivr.StartFlow(
            flow=flow,
            variables=_variables(question, cards),
            language=state.language or _language_of(cards) or None,
            at_node=state.node if resumed else None,
            transfer_failed=question.transfer is not None,
            flows=self.lines.flows,
            hours=self.lines.hours,
        )
        ended = await run_flow(
            channel,
            start,
            voice=self._voice,
            clock=self._clock,
            report=walk.report,
            outside=self._lookups.of_call(question.interaction_id),
        )
        # A PIN may have told who he is, whatever number he calls from.
        cards = self._memory.cards(question.interaction_id)
        language = ended.language or walk.state.language or self.lines.default_language
        await self._after_menu(channel, replace(walk.state, language=language), cards, ended)

    async def _after_menu(
        self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...], ended: ivr.FlowEnded
    ) -> None:
        interaction_id = channel.question.interaction_id
        record = self._floor.interactions.get(interaction_id)
        if record is not None and record.language != state.language:
            self.say(ev.LanguageChosen(interaction_id=interaction_id, at=self._clock.now(), language=state.language))
        match ended.result:
            case ivr.ToQueue():
                await self._new_place(channel, state, cards, ended.result)
            case ivr.ToCallback() | ivr.ToVoicemail():
                # The queue asks and records by its own rules; who leads there directly waits in it meanwhile.
                log.warning("flow_result_queued", result=type(ended.result).__name__)
                queue = ivr.ToQueue(queue=ended.result.queue, priority=0, skills=())
                await self._new_place(channel, state, cards, queue)
            case ivr.ToAgent(agent=agent):
                log.warning("flow_agent_not_rung", agent=agent)
                question = replace(channel.question, state=state, transfer=TransferResult.FAILED)
                await self._menu(channel, question, cards)
            case ivr.ToNumber(number=number, ring=ring):
                # The channel still carries the node: who is reached by nobody goes on there.
                await channel.decide(TransferVerdict(number=number, ring_timeout=ring), state)
            case ivr.HangUp():
                await close_call(self._floor, channel, state, (), ev.Outcome.ENDED_IN_MENU, CAUSE_NORMAL)
            case ivr.CallerLeft():
                raise CallerGone("the caller left the menu")

    def say(self, event: ev.InteractionEvent) -> None:
        """Put a fact about a call on the floor."""
        self._floor.tell(event)

    def now(self) -> datetime:
        """The present moment."""
        return self._clock.now()

    # ---- the queue

    async def _wait(self, channel: CallerChannel, state: CallState, place: cmd.Enqueue) -> None:
        if channel.question.channel_id and channel.question.channel_id != channel.question.interaction_id:
            await self._meet_customer(channel.question)
        await self.waiting_room.treat(channel, state, self.lines, place)

    async def _meet_customer(self, question: Question) -> None:
        """The customer of a callback is on the line: his channel belongs to the record."""
        record = self._floor.interactions.get(question.interaction_id)
        if record is None or any(leg.leg_id == question.channel_id for leg in record.legs):
            return
        await self._floor.request(
            ev.LegStarted(
                interaction_id=question.interaction_id,
                at=self._clock.now(),
                leg_id=question.channel_id,
                channel=question.channel,
                agent_id=None,
            )
        )

    async def _new_place(
        self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...], ended: ivr.ToQueue
    ) -> None:
        """The flow leads to a queue: at its end, or in the place that is kept for who is to be called back."""
        interaction_id, now = channel.question.interaction_id, self._clock.now()
        queued = replace(
            state,
            stage=CallStage.QUEUE,
            node="",
            queue_id=QueueId(ended.queue),
            entered_at=now,
            placed_at=None,
            priority=ended.priority,
            skills=ended.skills,
            traits=_traits(cards, state.language),
        )
        number = channel.question.ani.e164
        kept = self._floor.picture.callback_of(number) if number is not None else None
        place = place_of(interaction_id, queued, now)
        if kept is not None:
            queued, place = await self._take_kept_place(kept, queued, channel)
        if place is None:
            raise RuntimeError(f"interaction {interaction_id} leads to no queue")
        await channel.remember(queued)
        await self._wait(channel, queued, replace(place, admitted=kept is not None))

    async def _take_kept_place(
        self, callback_id: InteractionId, queued: CallState, channel: CallerChannel
    ) -> tuple[CallState, cmd.Enqueue | None]:
        """He was to be called back and has called by himself: the callback is over, its age is his."""
        waiting = self._floor.picture.waiting.get(callback_id)
        interaction_id, now = channel.question.interaction_id, self._clock.now()
        if waiting is None or waiting.queue_id != queued.queue_id or waiting.presence is not Presence.ABSENT:
            return queued, place_of(interaction_id, queued, now)
        log.info("callback_called_again", callback_id=callback_id)
        earlier = min(waiting.entered_at, now)
        placed_at = min(waiting.placed_at, now)
        await self._floor.request(
            CallEnded(interaction_id=callback_id, outcome=ev.Outcome.CALLED_AGAIN, side=ev.Side.CALLER)
        )
        queued = replace(
            queued,
            entered_at=earlier,
            placed_at=None if placed_at == earlier else placed_at,
            priority=max(queued.priority, waiting.base_priority),
        )
        said = self.lines.waiting_prompts.say(WaitingPrompt.PLACE_KEPT, queued.language)
        for path in await self._paths((said,)):
            await channel.play(path, "")
        return queued, place_of(interaction_id, queued, now)

    async def _paths(self, said: tuple[Utterance, ...]) -> tuple[str, ...]:
        paths = [await self._voice.path_of(utterance) for utterance in said]
        return tuple(path for path in paths if path is not None)

    # ---- the end

    async def _end(
        self, channel: CallerChannel, state: CallState, prompt: WaitingPrompt, outcome: ev.Outcome, cause: int
    ) -> None:
        said = self.lines.waiting_prompts.say(prompt, state.language or self.lines.default_language)
        await close_call(self._floor, channel, state, await self._paths((said,)), outcome, cause)


class _Walk:
    """One walk through a flow: keeps the carried state in step with the interpreter."""

    def __init__(self, calls: Calls, channel: CallerChannel, interaction_id: InteractionId, state: CallState) -> None:
        self._calls = calls
        self._channel = channel
        self._interaction_id = interaction_id
        self.state = state

    async def report(self, event: ivr.Event) -> None:
        """Take one event of the interpreter."""
        at = self._calls.now()
        match event:
            case ivr.NodeEntered(node=node):
                self.state = replace(self.state, node=node)
                self._calls.say(ev.NodeEntered(interaction_id=self._interaction_id, at=at, node=node))
                await self._channel.remember(self.state)
            case ivr.LanguageChosen(language=language):
                self.state = replace(self.state, language=language)
                self._calls.say(ev.LanguageChosen(interaction_id=self._interaction_id, at=at, language=language))
                await self._channel.remember(self.state)
            case ivr.MenuChosen(node=node, key=key, label=label):
                self._calls.say(
                    ev.MenuChosen(interaction_id=self._interaction_id, at=at, node=node, key=key, label=label)
                )
            case ivr.ConditionFailed() | ivr.StepLimitReached() | ivr.PartMissing():
                log.error("flow_fault", flow_event=type(event).__name__, node=event.node)
            case _:
                log.debug("flow_event", flow_event=type(event).__name__)


def _variables(question: Question, cards: tuple[CustomerCard, ...]) -> dict[str, Value]:
    only = cards[0] if len(cards) == 1 else None
    return {
        "ani": question.ani.e164 or "",
        "dnis": question.dnis,
        **(card_values(only, verified=False) if only is not None else {}),
    }


def _traits(cards: tuple[CustomerCard, ...], language: str) -> CallerTraits:
    """What is known of a caller for routing; of a number that several customers share nothing is."""
    if len(cards) != 1:
        return CallerTraits(language=language)
    card = cards[0]
    served_by = (seen.agent_id for seen in card.last_interactions if seen.agent_id is not None)
    return CallerTraits(
        customer_class=card.customer.segment or "",
        open_complaint=any(case.kind == COMPLAINT for case in card.open_cases),
        language=language,
        last_agent_id=next(served_by, None),
        account_manager_id=card.customer.account_manager_id,
    )


def _language_of(cards: tuple[CustomerCard, ...]) -> str | None:
    languages = {card.customer.language for card in cards}
    return languages.pop() if len(languages) == 1 else None
