"""What comes of a flow at its last node."""

from __future__ import annotations

from callcenter.ivr.messages import FlowResult, HangUp, ToAgent, ToCallback, ToNumber, ToQueue, ToVoicemail
from callcenter.ivr.nodes import CallbackNode, EndNode, LastNode, QueueNode, TransferNode, VoicemailNode
from callcenter.ivr.variables import Variables


def result_of(node: LastNode, variables: Variables) -> FlowResult:
    """What is to become of the caller."""
    match node:
        case QueueNode():
            return ToQueue(queue=node.queue, priority=node.priority, skills=node.skills)
        case CallbackNode():
            typed = variables.get(node.number, "") if node.number is not None else ""
            return ToCallback(queue=node.queue, number=str(typed) or None, priority=node.priority, skills=node.skills)
        case VoicemailNode():
            return ToVoicemail(queue=node.queue, longest=node.longest, silence=node.silence)
        case TransferNode(agent=str(agent)):
            return ToAgent(agent=agent, ring=node.ring)
        case TransferNode(number=str(number)):
            return ToNumber(number=number, ring=node.ring)
        case TransferNode():
            return ToQueue(queue=node.queue or "", priority=0, skills=())
        case EndNode():
            return HangUp(prompt=node.prompts[-1] if node.prompts else None)
