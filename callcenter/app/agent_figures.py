"""Today's figures of every agent: the metrics' fold over the events of the day, begun anew at local midnight.

Law: the board's numbers are the same fold over the same events as the reports'.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from callcenter.acd.picture import Picture
from callcenter.app.floor import Touched
from callcenter.app.views import AgentTodayView
from callcenter.domain.events import (
    AgentStateChanged,
    Event,
    InteractionConnected,
    InteractionTransferred,
    OfferEnded,
    OfferMade,
    TalkEnded,
)
from callcenter.domain.ids import AgentId
from callcenter.metrics import agent_day


class AgentFigures:
    """Keeps one `AgentDay` for each agent of whom anything was heard today."""

    def __init__(self, *, day_begins: Callable[[], datetime]) -> None:
        """`day_begins` gives the last local midnight."""
        self._day_begins = day_begins
        self._begun = day_begins()
        self._days: dict[AgentId, agent_day.AgentDay] = {}
        self._picture: Picture | None = None

    def attach(self, picture: Picture) -> None:
        """Say where the agents' states stand; before anything is taken."""
        self._picture = picture

    def load(self, events: Sequence[Event]) -> None:
        """Take what happened today before this start, before anything else is taken."""
        self._begun, self._days = self._day_begins(), {}
        for event in events:
            if event.at >= self._begun:
                self._fold(event)

    def take(self, touched: Touched) -> None:
        """Fold what just happened."""
        for event in touched.events:
            self._fold(event)

    def today(self, agent_id: AgentId) -> AgentTodayView:
        """His figures since midnight, without the time of the state he is in now."""
        self._turn_the_day()
        day = self._days.get(agent_id)
        if day is None:
            return AgentTodayView()
        figures = agent_day.figures(day, day.since)
        return AgentTodayView(
            handled=figures.handled,
            offers=figures.offers,
            missed=figures.rona,
            rejected=figures.rejected,
            transferred=figures.transferred,
            calls_out=figures.calls_out,
            calls_out_reached=figures.calls_out_reached,
            talk_seconds=float(round(figures.talk.total_seconds())),
            hold_seconds=float(round(figures.hold.total_seconds())),
            wrap_up_seconds=float(round(figures.wrap_up.total_seconds())),
            ready_seconds=float(round(figures.ready.total_seconds())),
            not_ready_seconds=float(round(figures.not_ready.total_seconds())),
            internal_seconds=float(round(figures.internal.total_seconds())),
        )

    def _fold(self, event: Event) -> None:
        match event:
            case OfferMade():
                agent_id = event.offer.agent_id
            case AgentStateChanged() | OfferEnded() | TalkEnded() | InteractionConnected() | InteractionTransferred():
                agent_id = event.agent_id
            case _:
                return
        self._turn_the_day()
        day = self._days.get(agent_id)
        if day is None:
            day = agent_day.begin_day(agent_id, self._begun)
        self._days[agent_id] = agent_day.fold(day, event)

    def _turn_the_day(self) -> None:
        begins = self._day_begins()
        if begins == self._begun:
            return
        # Who works through midnight begins the day in the state he is in.
        agents = {} if self._picture is None else self._picture.agents
        self._begun = begins
        self._days = {
            agent_id: agent_day.begin_day(agent_id, begins, agent.state, agent.reason)
            for agent_id, agent in agents.items()
        }
