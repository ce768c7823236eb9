"""The floor's figures for Prometheus: read when asked, nothing personal in them."""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callcenter.app.figures import DayFigures
from callcenter.app.floor import Floor
from callcenter.domain.agents import AgentState
from callcenter.domain.interactions import Stage
from callcenter.store.journal import JournalState


class KeptJournal(Protocol):
    """Whoever knows how the journal stands."""

    def state(self) -> JournalState:
        """How it is now."""
        ...


class FloorGauges(Collector):
    """Agents by state, callers by queue and stage, and how the journal stands."""

    def __init__(self, floor: Floor, journal: KeptJournal, figures: DayFigures) -> None:
        self._floor = floor
        self._figures = figures
        self._journal = journal

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every gauge as it is now."""
        picture = self._floor.picture
        waiting = GaugeMetricFamily("callcenter_waiting", "Callers who wait, by queue", labels=["queue"])
        for queue_id, queue in picture.queues.items():
            waiting.add_metric([queue_id], len(queue.waiting))
        yield waiting
        yield from self._forecasts()
        states = Counter(agent.state for agent in picture.agents.values())
        agents = GaugeMetricFamily("callcenter_agents", "Agents, by state", labels=["state"])
        for state in AgentState:
            agents.add_metric([state.value], states[state])
        yield agents
        stages = Counter(record.stage for record in self._floor.interactions.values())
        interactions = GaugeMetricFamily("callcenter_interactions", "Interactions alive, by stage", labels=["stage"])
        for stage in Stage:
            if stage is not Stage.ENDED:
                interactions.add_metric([stage.value], stages[stage])
        yield interactions
        yield GaugeMetricFamily("callcenter_routing", "1 while offers are made", value=float(self._floor.routing))
        journal = self._journal.state()
        yield GaugeMetricFamily("callcenter_journal_pending_rows", "Rows not yet durable", value=journal.pending_rows)
        yield GaugeMetricFamily("callcenter_journal_spilled_batches", "Batches on disk", value=journal.spilled_batches)
        yield GaugeMetricFamily("callcenter_journal_lost_rows", "Rows lost for ever", value=journal.lost_rows)

    def _forecasts(self) -> Iterator[GaugeMetricFamily]:
        """How good today's expected waits were, where any came true."""
        error = GaugeMetricFamily(
            "callcenter_expected_wait_error_seconds",
            "Mean absolute error of today's expected waits, by queue",
            labels=["queue"],
        )
        inside = GaugeMetricFamily(
            "callcenter_expected_wait_inside", "Share of today's waits within the range told", labels=["queue"]
        )
        for queue_id in self._floor.picture.queues:
            figures = self._figures.forecast_error(queue_id)
            if figures is None or figures.mean_absolute_error_seconds is None or figures.share_within_range is None:
                continue
            error.add_metric([queue_id], figures.mean_absolute_error_seconds)
            inside.add_metric([queue_id], figures.share_within_range)
        yield error
        yield inside
