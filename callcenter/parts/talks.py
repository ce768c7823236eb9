"""The talks: what agents do in calls and between them, and how supervisors help."""

import uuid

from callcenter.app.agreed_callbacks import AgreedCallbacks
from callcenter.app.audit_trail import AuditTrail
from callcenter.app.calling_out import CallingOut
from callcenter.app.consulting import Consulting
from callcenter.app.desk import Desk
from callcenter.app.internal_calls import InternalCalls
from callcenter.app.message_box import MessageBox
from callcenter.app.message_callbacks import MessageCallbacks
from callcenter.app.monitoring import Monitoring
from callcenter.app.notices import NoticeBoard
from callcenter.app.rejoining import Rejoining
from callcenter.app.supervision import Supervision
from callcenter.app.transfers import Transfers
from callcenter.domain.ids import InteractionId, InternalCallId, MonitoringId, NoticeId, OfferId, TransferId
from callcenter.parts.floor import FloorGroup
from callcenter.parts.ground import Ground, Owned
from callcenter.settled import call_out_rules
from callcenter.store.agreed_callbacks import StoredAgreedCallbacks
from callcenter.store.monitoring import StoredMonitoring
from callcenter.store.notices import StoredNotices
from callcenter.store.users import StoredUsers


class TalkGroup:
    """Desks, supervision, transfers, calls out and between agents, messages."""

    def __init__(self, ground: Ground, floor: FloorGroup) -> None:
        database, clock, configuration = ground.database, ground.clock, ground.configuration
        bridge, journal, feed, screens = floor.bridge, floor.journal, floor.feed, floor.screens
        rules = call_out_rules(ground.settings)
        self.users = StoredUsers(database)
        self.desk = Desk(
            floor=floor.floor,
            screens=screens,
            memory=floor.memory,
            journal=journal,
            records=floor.records,
            customers=floor.customers,
            configuration=configuration,
            clock=clock,
        )
        self.messages = MessageBox(
            messages=floor.stored_messages,
            configuration=configuration,
            journal=journal,
            clock=clock,
            screens=screens,
            queues_of=screens.queues_of,
            callbacks=MessageCallbacks(
                floor=floor.floor, records=floor.records, clock=clock, can_call_out=ground.can_call_out
            ),
        )
        self.supervision = Supervision(
            floor=floor.floor,
            screens=screens,
            journal=journal,
            configuration=configuration,
            users=self.users,
            clock=clock,
        )
        self._trail = AuditTrail(self.users)
        self.monitoring = Monitoring(
            floor=floor.floor,
            line=bridge.monitor_lines,
            feed=feed,
            trail=self._trail,
            records=floor.records,
            past=StoredMonitoring(database),
            clock=clock,
            new_id=lambda: MonitoringId(f"mon-{uuid.uuid4().hex}"),
        )
        bridge.monitor_lines.reports = self.monitoring
        self.transfers = Transfers(
            floor=floor.floor,
            line=bridge.transfer_lines,
            journal=journal,
            numbers=floor.numbers,
            clock=clock,
            new_id=lambda: TransferId(uuid.uuid4().hex),
        )
        self.consulting = Consulting(
            floor=floor.floor,
            line=bridge.transfer_lines,
            transfers=self.transfers,
            feed=feed,
            journal=journal,
            clock=clock,
            # Asterisk refuses an id that begins another one in use; a full stop is in no other.
            new_id=lambda: OfferId(f"con-{uuid.uuid4().hex}."),
        )
        bridge.transfer_lines.reports = self.consulting
        self.rejoining = Rejoining(floor=floor.floor, talks=self.transfers, line=bridge.rejoin_lines)
        bridge.rejoin_lines.lost = self.rejoining.lost
        self.calling_out = CallingOut(
            floor=floor.floor,
            memory=floor.memory,
            customers=floor.customers,
            journal=journal,
            feed=feed,
            trail=self.users,
            rules=rules,
            clock=clock,
            new_id=lambda: InteractionId(f"out-{uuid.uuid4().hex}"),
        )
        self.agreed = AgreedCallbacks(
            store=StoredAgreedCallbacks(database),
            floor=floor.floor,
            memory=floor.memory,
            customers=floor.customers,
            records=floor.records,
            rules=rules,
            timezone=ground.settings.server.timezone,
            clock=clock,
            new_id=lambda: InteractionId(f"agreed-{uuid.uuid4().hex}"),
        )
        self.internal_calls = InternalCalls(
            floor=floor.floor,
            line=bridge.internal_lines,
            feed=feed,
            clock=clock,
            new_id=lambda: InternalCallId(f"int-{uuid.uuid4().hex}."),
        )
        bridge.internal_lines.reports = self.internal_calls
        self.notices = NoticeBoard(
            notices=StoredNotices(database),
            feed=feed,
            picture=lambda: floor.floor.picture,
            queues_of=screens.queues_of,
            clock=clock,
            new_id=lambda: NoticeId(uuid.uuid4().hex),
        )
        for watching in (self.messages, self.monitoring, self.consulting, self.calling_out):
            floor.floor.watch(watching.watch)

    def owned(self) -> Owned:
        """What goes on beside the calls."""
        return {
            "messages": self.messages.run,
            "monitoring": self.monitoring.run,
            "agreed callbacks": self.agreed.run,
            "audit trail": self._trail.run,
        }
