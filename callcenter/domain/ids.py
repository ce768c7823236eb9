"""Names for identifiers, so that an agent's id is never handed where a queue's is meant."""

from typing import NewType

InteractionId = NewType("InteractionId", str)
"""The unique id Asterisk gave the caller's first leg: whoever sees the call first makes the same record."""
OfferId = NewType("OfferId", str)
"""Also the unique id of the agent's leg, so that a repeated order collides instead of ringing twice."""
AgentId = NewType("AgentId", str)
QueueId = NewType("QueueId", str)
SkillId = NewType("SkillId", str)
CustomerId = NewType("CustomerId", str)
CaseId = NewType("CaseId", str)
UserId = NewType("UserId", str)
NoteId = NewType("NoteId", str)
TaskId = NewType("TaskId", str)
MergeId = NewType("MergeId", str)
MessageId = NewType("MessageId", str)
OrderId = NewType("OrderId", str)
OpportunityId = NewType("OpportunityId", str)
TransferId = NewType("TransferId", str)
MonitoringId = NewType("MonitoringId", str)
"""Also the unique id of the supervisor's channel; and of his offer, when he takes the caller over."""
InternalCallId = NewType("InternalCallId", str)
"""Also the unique id of the caller's channel."""
NoticeId = NewType("NoticeId", str)
