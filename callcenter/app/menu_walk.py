"""A caller's walk through a flow: what the interpreter says becomes facts on the record and state on the channel."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from callcenter.app.call_state import CallState
from callcenter.app.caller import CallerChannel
from callcenter.app.ports import Clock
from callcenter.domain import events as ev
from callcenter.ivr import messages as ivr
from callcenter.ivr.carried import carry
from callcenter.ivr.variables import Variables

log = structlog.get_logger(__name__)


class MenuWalk:
    """Keeps the carried state in step with the interpreter; `state` is what the channel carries.

    `aside` is a walk beside a queue, in which the caller keeps his place.
    """

    def __init__(
        self,
        channel: CallerChannel,
        state: CallState,
        tell: Callable[[ev.InteractionEvent], None],
        clock: Clock,
        *,
        aside: bool = False,
    ) -> None:
        self._channel = channel
        self._interaction_id = channel.question.interaction_id
        self._tell = tell
        self._clock = clock
        self._aside = aside
        self.state = state

    async def report(self, event: ivr.Event) -> None:
        """Take one event of the interpreter."""
        interaction_id, at = self._interaction_id, self._clock.now()
        match event:
            case ivr.NodeEntered(node=node):
                self._tell(ev.NodeEntered(interaction_id=interaction_id, at=at, node=node, aside=self._aside))
                await self._carry(replace(self.state, node=node))
            case ivr.LanguageChosen(language=language):
                self._tell(ev.LanguageChosen(interaction_id=interaction_id, at=at, language=language))
                await self._carry(replace(self.state, language=language))
            case ivr.MenuChosen(node=node, key=key, label=label):
                self._tell(ev.MenuChosen(interaction_id=interaction_id, at=at, node=node, key=key, label=label))
            case ivr.DigitsCollected():
                self._tell(
                    ev.DigitsCollected(
                        interaction_id=interaction_id,
                        at=at,
                        node=event.node,
                        variable=event.variable,
                        digits="" if event.secret else event.digits,
                        secret=event.secret,
                        label=event.label,
                    )
                )
                if not event.secret:
                    self._keep(event.node, {event.variable: event.digits})
            case ivr.VariablesSet(node=node, values=values) | ivr.LookupEnded(node=node, values=values):
                self._keep(node, values)
            case ivr.SurveyAnswered(question=question, score=score):
                self._tell(
                    ev.SurveyAnswered(
                        interaction_id=interaction_id, at=at, flow=self.state.flow, question=question, score=score
                    )
                )
            case ivr.ConditionFailed() | ivr.StepLimitReached() | ivr.PartMissing():
                log.error("flow_fault", flow_event=type(event).__name__, node=event.node)
            case _:
                log.debug("flow_event", flow_event=type(event).__name__)

    def _keep(self, node: str, values: Variables) -> None:
        kept = carry(values)
        if kept:
            at = self._clock.now()
            self._tell(ev.ValuesKept(interaction_id=self._interaction_id, at=at, node=node, values=kept))

    async def _carry(self, state: CallState) -> None:
        self.state = state
        await self._channel.remember(state)
