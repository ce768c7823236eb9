"""What callers are led through: the flows, the numbers that lead to them, the queues' prompts and the opening hours."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from callcenter.domain.hours import OpeningHours
from callcenter.ivr.flow import Flow
from callcenter.ivr.waiting import WaitingPrompts


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
