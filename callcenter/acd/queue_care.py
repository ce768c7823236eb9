"""What befalls a queue itself: nobody is at work for it, somebody is again, it sends everybody on."""

from datetime import datetime

from callcenter.acd import overflow
from callcenter.acd.deadlines import DeadlineKind, Deadlines
from callcenter.acd.matching import Matching
from callcenter.acd.overflow import Due
from callcenter.acd.picture import Picture, QueueRecord
from callcenter.acd.queueing import Queueing
from callcenter.acd.steps import Output
from callcenter.domain import events as ev
from callcenter.domain.overflows import OverflowCause


class QueueCare:
    """Looks after queues where agents came, went or changed."""

    def __init__(self, picture: Picture, deadlines: Deadlines, matching: Matching, queueing: Queueing) -> None:
        self.picture = picture
        self._deadlines = deadlines
        self._matching = matching
        self._queueing = queueing

    def look_after(self, now: datetime) -> list[Output]:
        """Tell who is served and who no longer, and call back whose turn it is, in queues where something changed."""
        queue_ids = list(self.picture.unsettled_queues)
        self.picture.unsettled_queues.clear()
        out: list[Output] = []
        if not self._matching.routing:
            return out
        for queue_id in queue_ids:
            queue = self.picture.queues.get(queue_id)
            if queue is not None:
                out += self._tell_service(queue, now)
                if self.picture.callbacks:
                    out += self._queueing.call_those_next(queue, now)
        return out

    def _tell_service(self, queue: QueueRecord, now: datetime) -> list[Output]:
        served = queue.served
        if served is (queue.unserved_since is None):
            return []
        queue_id = queue.config.queue_id
        if served:
            queue.unserved_since, queue.nobody_at = None, None
            return [ev.QueueServed(queue_id=queue_id, at=now)]
        queue.unserved_since = now
        self.arm_nobody(queue, now)
        return [ev.QueueUnserved(queue_id=queue_id, at=now)]

    def arm_nobody(self, queue: QueueRecord, now: datetime) -> None:
        """Come back when nobody has been at work for as long as its rules say."""
        limits = queue.config.limits
        queue.nobody_at = None
        if queue.unserved_since is not None and limits.when_nobody is not None:
            queue.nobody_at = max(queue.unserved_since + limits.nobody_after, now)
            self._deadlines.arm(DeadlineKind.NOBODY, queue.config.queue_id, queue.nobody_at)

    def nobody_came(self, queue: QueueRecord, now: datetime) -> list[Output]:
        """Nobody was at work for so long: all go where its rules say."""
        queue.nobody_at = None
        where = queue.config.limits.when_nobody
        return [] if where is None or queue.served else self.send_all_on(queue, [(OverflowCause.NOBODY, where)], now)

    def send_all_on(self, queue: QueueRecord, rules: list[Due], now: datetime) -> list[Output]:
        """Everybody who waits goes where the first rule sends him that can."""
        out: list[Output] = []
        for record in [self.picture.waiting[interaction_id] for interaction_id in queue.waiting]:
            rule = next((rule for rule in rules if overflow.can_go(self.picture, record, rule[1])), None)
            if rule is not None:
                out += self._queueing.send_on(record, *rule, now)
        return out
