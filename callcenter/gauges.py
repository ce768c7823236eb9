"""The floor's figures for Prometheus: read when asked, nothing personal in them."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callcenter.app.floor import Floor
from callcenter.domain.agents import AgentState
from callcenter.domain.interactions import Stage
from callcenter.store.journal import JournalWriter


class FloorGauges(Collector):
    """Agents by state, callers by queue and stage, and how the journal stands."""

    def __init__(self, floor: Floor, journal: JournalWriter) -> None:
        self._floor = floor
        self._journal = journal

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every gauge as it is now."""
        picture = self._floor.picture
        waiting = GaugeMetricFamily("callcenter_waiting", "Callers who wait, by queue", labels=["queue"])
        for queue_id, queue in picture.queues.items():
            waiting.add_metric([queue_id], len(queue.waiting))
        yield waiting
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
