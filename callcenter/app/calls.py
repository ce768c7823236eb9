"""Answers the questions of callers' channels: the flow of the dialled number first, then the queue's treatment.

Law: a question carries the whole state of its call; an answer never depends on what this process remembers.
"""

from dataclasses import replace
from datetime import timedelta

import structlog

from callcenter.app.after_talk import AfterTalk
from callcenter.app.call_state import CallStage, CallState, place_of
from callcenter.app.callback_choice import Numbers
from callcenter.app.callbacks import CustomerLines, callback_id_of
from callcenter.app.caller import CallerChannel, CallerGone, EndVerdict, Question, TransferResult, TransferVerdict
from callcenter.app.closing import close_call
from callcenter.app.customer_memory import CustomerMemory
from callcenter.app.floor import Floor
from callcenter.app.floor_messages import CallEnded, TakeCallback
from callcenter.app.known_caller import language_of, traits_of, variables_of
from callcenter.app.lines import Lines
from callcenter.app.lookups import Accounts, Lookups, WebClient
from callcenter.app.menu import Voice, run_flow
from callcenter.app.menu_walk import MenuWalk
from callcenter.app.messages_taken import MessageLimits, go_on_with_message, take_message
from callcenter.app.ports import Clock, CustomerCard
from callcenter.app.self_service import beside_the_queue
from callcenter.app.sent_callers import SentCallers
from callcenter.app.sent_on import TRANSFER_RING
from callcenter.app.surveys import SurveyBook
from callcenter.app.waiting_room import WaitingRoom
from callcenter.domain import commands as cmd
from callcenter.domain import events as ev
from callcenter.domain.callbacks import Presence
from callcenter.domain.direct import USUAL_RING, agent_of, direct_queue, direct_queue_id
from callcenter.domain.errors import Conflict
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.domain.interactions import Placement, Stage
from callcenter.ivr import messages as ivr
from callcenter.ivr.flow import Flow
from callcenter.ivr.nodes import FlowNode, TransferNode
from callcenter.ivr.prompts import Utterance
from callcenter.ivr.waiting import WaitingPrompt

log = structlog.get_logger(__name__)

CAUSE_NORMAL = 16
CAUSE_UNALLOCATED = 1


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
        surveys: SurveyBook | None = None,
    ) -> None:
        self._floor = floor
        self._lookups = Lookups(
            picture=floor.picture, callers=memory, accounts=accounts, web=web, tell=floor.tell, clock=clock
        )
        self.waiting_room = WaitingRoom(
            floor=floor, memory=memory, voice=voice, clock=clock, numbers=numbers, self_service=self
        )
        self._after_talk = AfterTalk(floor=floor, voice=voice, clock=clock, lines=lambda: self.lines, book=surveys)
        floor.customer_lines = CustomerLines(voice=voice, words=lambda: self.lines)
        self._sent = SentCallers(floor, clock)
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
        if question.after_talk:
            await self._after_talk.answer(channel)
            return
        record = self._floor.interactions.get(question.interaction_id)
        if record is not None and record.stage is Stage.ENDED:
            log.warning("ended_call_asks_again", outcome=record.outcome)
            await channel.decide(EndVerdict(), question.state)
            return
        if record is None:
            await self._arrive(question)
        cards = await self._memory.look_up(question.interaction_id, question.ani.e164)
        self._match(question.interaction_id, cards)
        if question.state.stage is CallStage.MESSAGE:
            await go_on_with_message(channel, floor=self._floor, voice=self._voice, words=self.lines, clock=self._clock)
            return
        if question.state.sent is not None:
            await self._sent.settle(question, question.state.sent)
        place = place_of(question.interaction_id, question.state, self._clock.now())
        if question.state.stage is CallStage.OUT:
            await self._go_out(channel, question.state, cards)
        elif place is not None:
            await self._wait(channel, question.state, place, cards)
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
        state, ended = await self._walk(channel, question, flow, state, cards, resumed=resumed)
        # A PIN may have told who he is, whatever number he calls from.
        await self._after_menu(channel, state, self._memory.cards(question.interaction_id), ended)

    async def serve_waiting(
        self, channel: CallerChannel, state: CallState, flow_name: str, *, resumed: bool
    ) -> tuple[CallState, ivr.FlowResult] | None:
        """`SelfService`: take somebody who waits through a flow, while his place is kept."""
        flow = self.lines.flows.get(flow_name)
        if flow is None or state.queue_id is None:
            log.error("self_service_unknown", flow=flow_name)
            return None
        cards = self._memory.cards(channel.question.interaction_id)
        aside = beside_the_queue(flow, state.queue_id)
        state, ended = await self._walk(channel, channel.question, aside, state, cards, resumed=resumed, aside=True)
        if isinstance(ended.result, ivr.CallerLeft):
            raise CallerGone("the caller left his self-service")
        return state, ended.result

    async def _walk(
        self,
        channel: CallerChannel,
        question: Question,
        flow: Flow,
        state: CallState,
        cards: tuple[CustomerCard, ...],
        *,
        resumed: bool,
        aside: bool = False,
    ) -> tuple[CallState, ivr.FlowEnded]:
        """Through a flow to its end; the state that is returned knows the caller's language.

        `question` may say more than the channel has asked: that the agent he was put through to has not taken him.
        """
        record = self._floor.interactions.get(question.interaction_id)
        given = record.given if record is not None and resumed else None
        if not resumed:
            self._floor.tell(
                ev.FlowStarted(
                    interaction_id=question.interaction_id,
                    at=self._clock.now(),
                    flow=flow.name,
                    flow_version=flow.version,
                    aside=aside,
                )
            )
        walk = MenuWalk(channel, replace(state, flow=flow.name), self._floor.tell, self._clock, aside=aside)
        start = ivr.StartFlow(
            flow=flow,
            variables=variables_of(question, cards, given),
            language=state.language or language_of(cards) or None,
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
            outside=self._lookups.of_call(question.interaction_id, verified=given is not None and given.verified),
        )
        only = flow.languages[0] if len(flow.languages) == 1 else None
        language = ended.language or walk.state.language or only or self.lines.default_language
        return replace(walk.state, language=language), ended

    async def _after_menu(
        self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...], ended: ivr.FlowEnded
    ) -> None:
        interaction_id = channel.question.interaction_id
        record = self._floor.interactions.get(interaction_id)
        if record is not None and record.language != state.language:
            chosen = ev.LanguageChosen(interaction_id=interaction_id, at=self._clock.now(), language=state.language)
            self._floor.tell(chosen)
        match ended.result:
            case ivr.ToQueue():
                await self._new_place(channel, state, cards, ended.result)
            case ivr.ToCallback():
                await self._call_back(channel, state, cards, ended.result)
            case ivr.ToVoicemail(queue=queue, longest=longest, silence=silence):
                await take_message(
                    channel,
                    replace(state, node=""),
                    queue_id=QueueId(queue),
                    limits=MessageLimits(longest=longest, silence=silence),
                    floor=self._floor,
                    voice=self._voice,
                    words=self.lines,
                    clock=self._clock,
                )
            case ivr.ToAgent():
                await self._put_through(channel, state, cards, ended.result)
            case ivr.ToNumber(number=number, ring=ring):
                # The channel still carries the node: who is reached by nobody goes on there.
                await channel.decide(TransferVerdict(number=number, ring_timeout=ring), state)
            case ivr.HangUp():
                await close_call(self._floor, channel, state, (), ev.Outcome.ENDED_IN_MENU, CAUSE_NORMAL)
            case ivr.CallerLeft():
                raise CallerGone("the caller left the menu")

    async def _call_back(
        self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...], wish: ivr.ToCallback
    ) -> None:
        """He is called back in his turn, which begins now; where that cannot be he waits on the line."""
        question, numbers = channel.question, self.waiting_room.numbers
        number = question.ani.e164 if wish.number is None else numbers.dialled(wish.number)
        queue = ivr.ToQueue(queue=wish.queue, priority=wish.priority, skills=wish.skills)
        if number is None or not numbers.can_call_out:
            log.warning("callback_impossible", queue=wish.queue, trunk=numbers.can_call_out)
            if number is None:
                await self._say(channel, state, WaitingPrompt.NUMBER_WRONG)
            await self._new_place(channel, state, cards, queue)
            return
        now = self._clock.now()
        placement = Placement(
            queue_id=QueueId(wish.queue),
            entered_at=now,
            placed_at=now,
            base_priority=wish.priority,
            skills=wish.skills,
            traits=traits_of(cards, state.language),
        )
        take = TakeCallback(
            interaction_id=question.interaction_id, number=number, requested_at=now, placement=placement
        )
        try:
            await self._floor.request(take)
        except Conflict as error:
            log.info("callback_refused", code=error.code)
            if error.code != "callback_exists":
                await self._new_place(channel, state, cards, queue)
                return
            await self._end(channel, state, WaitingPrompt.CALLBACK_EXISTS, ev.Outcome.ENDED_IN_MENU)
            return
        callback_id = callback_id_of(question.interaction_id)
        self._memory.keep(callback_id, self._memory.cards(question.interaction_id))
        await self._end(channel, state, WaitingPrompt.CALLBACK_TAKEN, ev.Outcome.CALLBACK_TAKEN)

    # ---- to one agent

    async def _put_through(
        self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...], wish: ivr.ToAgent
    ) -> None:
        """He waits for one agent, in that agent's own queue; his flow goes on where he is not taken."""
        agent_id = AgentId(wish.agent)
        if not await self._open_direct_queue(agent_id, wish.ring):
            log.error("flow_agent_unknown", agent=agent_id)
            question = replace(channel.question, state=state, transfer=TransferResult.FAILED)
            await self._menu(channel, question, cards)
            return
        kept = replace(state, goes_on_at=f"{state.flow} {state.node}", flow="")
        queue = ivr.ToQueue(queue=direct_queue_id(agent_id), priority=0, skills=())
        await self._new_place(channel, kept, cards, queue)

    async def _open_direct_queue(self, agent_id: AgentId, ring: timedelta) -> bool:
        """Make sure that there is the agent's own queue; False when there is no such agent."""
        picture = self._floor.picture
        agent = picture.agents.get(agent_id)
        if agent is None:
            return False
        config = direct_queue(agent.config, ring)
        known = picture.queues.get(config.queue_id)
        # While others wait in it, their ring time stays as it was promised.
        if known is None or (known.config != config and not known.waiting):
            await self._floor.request(cmd.ConfigureQueue(config=config))
        return True

    def _ring_at(self, place: str) -> timedelta:
        """How long an agent rings by the node of a flow; as usual where an edit has taken the node away."""
        name, _, path = place.partition(" ")
        flow = self.lines.flows.get(name)
        *outer, last = path.split("/")
        for step in outer:
            inner = flow.nodes.get(step) if flow is not None else None
            flow = self.lines.flows.get(inner.flow) if isinstance(inner, FlowNode) else None
        node = flow.nodes.get(last) if flow is not None else None
        return node.ring if isinstance(node, TransferNode) else USUAL_RING

    async def _not_taken(self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...]) -> None:
        """The agent has not taken him: back to who sent him, or to the node of his flow that put him through."""
        interaction_id = channel.question.interaction_id
        await self._floor.request(cmd.Leave(interaction_id=interaction_id))
        if state.sent is not None:
            await self._come_back(channel, state, cards)
            return
        flow, _, node = state.goes_on_at.partition(" ")
        back = CallState(flow=flow, node=node, language=state.language)
        await channel.remember(back)
        question = replace(channel.question, state=back, transfer=TransferResult.NO_ANSWER)
        await self._menu(channel, question, cards)

    # ---- whom an agent has sent on

    async def _go_out(self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...]) -> None:
        """To a number outside; where nobody takes him there, back."""
        if state.sent is None or not state.sent.number or channel.question.transfer is not None:
            await self._come_back(channel, state, cards)
            return
        play = await self._words(state, WaitingPrompt.TRANSFERRING)
        await channel.decide(TransferVerdict(play=play, number=state.sent.number, ring_timeout=TRANSFER_RING), state)

    async def _come_back(self, channel: CallerChannel, state: CallState, cards: tuple[CustomerCard, ...]) -> None:
        question = channel.question
        back = CallState(language=state.language)
        if state.sent is not None:
            back = self._sent.back(question, state, state.sent)
        await channel.remember(back)
        place = place_of(question.interaction_id, back, self._clock.now())
        if place is None:
            await self._menu(channel, replace(question, state=back, transfer=None), cards)
        else:
            await self._wait(channel, back, place, cards)

    # ---- the queue

    async def _wait(
        self, channel: CallerChannel, state: CallState, place: cmd.Enqueue, cards: tuple[CustomerCard, ...]
    ) -> None:
        if channel.question.channel_id and channel.question.channel_id != channel.question.interaction_id:
            await self._meet_customer(channel.question)
        agent_id = agent_of(place.queue_id)
        if agent_id is not None and place.queue_id not in self._floor.picture.queues:
            # A server that has just started knows the agent, but not that somebody waits for him alone.
            await self._open_direct_queue(agent_id, self._ring_at(state.goes_on_at))
        if not await self.waiting_room.treat(channel, state, self.lines, place):
            await self._not_taken(channel, state, cards)

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
            traits=traits_of(cards, state.language),
        )
        number = channel.question.ani.e164
        kept = self._floor.picture.callback_of(number) if number is not None else None
        place = place_of(interaction_id, queued, now)
        if kept is not None:
            queued, place = await self._take_kept_place(kept, queued, channel)
        if place is None:
            raise RuntimeError(f"interaction {interaction_id} leads to no queue")
        await channel.remember(queued)
        await self._wait(channel, queued, replace(place, admitted=kept is not None), cards)

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
        await self._say(channel, queued, WaitingPrompt.PLACE_KEPT)
        return queued, place_of(interaction_id, queued, now)

    async def _paths(self, said: tuple[Utterance, ...]) -> tuple[str, ...]:
        paths = [await self._voice.path_of(utterance) for utterance in said]
        return tuple(path for path in paths if path is not None)

    # ---- words, and the end

    async def _say(self, channel: CallerChannel, state: CallState, prompt: WaitingPrompt) -> None:
        for path in await self._words(state, prompt):
            await channel.play(path, "")

    async def _words(self, state: CallState, prompt: WaitingPrompt) -> tuple[str, ...]:
        said = self.lines.waiting_prompts.say(prompt, state.language or self.lines.default_language)
        return await self._paths((said,))

    async def _end(
        self,
        channel: CallerChannel,
        state: CallState,
        prompt: WaitingPrompt,
        outcome: ev.Outcome,
        cause: int = CAUSE_NORMAL,
    ) -> None:
        await close_call(self._floor, channel, state, await self._words(state, prompt), outcome, cause)
