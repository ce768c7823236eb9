"""What the topics of the live feed hold, for the description of the API that the pages' types are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from callcenter.app.alerts import Alert
from callcenter.app.calling_out import CallOutView
from callcenter.app.internal_calls import InternalCallView
from callcenter.app.message_box import MessageNews
from callcenter.app.monitoring_views import ListenersView, MonitoringView
from callcenter.app.notices import DeskNotices
from callcenter.app.reminders import ReminderList
from callcenter.app.transfer_views import ConsultationView
from callcenter.app.views import AgentView, PopView, QueueView, TrendView, WaitingView


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTopic:
    """`me`, a desk's own topic. Each document has its key; what is over is null, what never was is not there."""

    state: AgentView
    pop: PopView | None
    messages: MessageNews
    monitored: ListenersView | None
    notices: DeskNotices
    reminders: ReminderList
    consultation: ConsultationView | None
    call_out: CallOutView | None
    internal_call: InternalCallView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTopics:
    """Every topic that can be followed, and its documents by key."""

    me: OwnTopic
    queues: Mapping[str, QueueView]
    agents: Mapping[str, AgentView]
    waiting: Mapping[str, WaitingView]
    monitoring: Mapping[str, MonitoringView]
    alerts: Mapping[str, Alert]
    trends: Mapping[str, TrendView]
