"""A flow that a caller uses while he waits: his place is kept, and wherever the flow leads he is back in line.

Law: nothing but its end by a hang-up or a message ends the waiting; the queue knows nothing of the flow.
"""

from typing import Final, Protocol

from callcenter.app.call_state import CallState
from callcenter.app.caller import CallerChannel
from callcenter.domain.ids import QueueId
from callcenter.ivr import messages as ivr
from callcenter.ivr.flow import Flow
from callcenter.ivr.nodes import FlowNode, QueueNode
from callcenter.ivr.prompts import PromptSet

ENTRANCE: Final = "self_service"
BACK_IN_LINE: Final = "back_in_line"


class SelfService(Protocol):
    """Whoever can take a caller who waits through a flow."""

    async def serve_waiting(
        self, channel: CallerChannel, state: CallState, flow_name: str, *, resumed: bool
    ) -> tuple[CallState, ivr.FlowResult] | None:
        """Take him to the flow's end, from `state.node` on where it is `resumed`; None where there is no such flow.

        The state carries his place throughout. Raises `CallerGone`, also when an agent has him.
        """
        ...


def beside_the_queue(flow: Flow, queue_id: QueueId) -> Flow:
    """The way through a flow and back into line: made of two nodes, so that flows that only return can be used too."""
    entrance = FlowNode(name=ENTRANCE, flow=flow.name, next=BACK_IN_LINE)
    back = QueueNode(name=BACK_IN_LINE, prompts=(), queue=queue_id, priority=0, skills=())
    return Flow(
        name=flow.name,
        version=flow.version,
        languages=flow.languages,
        start=ENTRANCE,
        rescue=BACK_IN_LINE,
        prompts=PromptSet(name=flow.name, languages=flow.languages, texts={}),
        nodes={ENTRANCE: entrance, BACK_IN_LINE: back},
        filename=flow.filename,
        lines={},
    )
