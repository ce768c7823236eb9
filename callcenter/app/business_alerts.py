"""Rules of alerts in the business's file.

Law: a field that means nothing for the kind is a fault.
"""

from typing import Final

from callcenter.app.business_fields import inner_label, seconds
from callcenter.domain.alerts import (
    EVERYBODY,
    OF_QUEUES,
    WITH_THRESHOLD,
    AlertKind,
    AlertRule,
    AlertTarget,
    usual_margin,
)
from callcenter.domain.ids import QueueId
from callcenter.domain.labels import Label
from callcenter.ivr.document import Section

FIELDS: Final = ("label", "kind", "queue", "threshold", "margin", "for_seconds", "to")
_USUAL: Final = AlertRule(alert_id="", label=Label(zh="", en=""), kind=AlertKind.WAITING)
_HIGHEST: Final = {
    AlertKind.WAITING: 10_000,
    AlertKind.LONGEST_WAIT: 86_400,
    AlertKind.SERVICE_LEVEL: 100,
    AlertKind.MISSED_OFFERS: 100,
    AlertKind.UNOWNED_CASES: 10_000,
}
_LOWEST: Final = {AlertKind.SERVICE_LEVEL: 1, AlertKind.MISSED_OFFERS: 1}


def read_alert(name: str, fields: Section) -> AlertRule:
    """One rule; on a fault a harmless one."""
    fields.only(*FIELDS)
    label = inner_label(fields)
    word = fields.one_of("kind", tuple(AlertKind))
    if word not in tuple(AlertKind):
        return AlertRule(alert_id=name, label=label, kind=AlertKind.WAITING)
    kind = AlertKind(word)
    queue = None
    if fields.has("queue"):
        if kind in OF_QUEUES:
            queue = QueueId(fields.text("queue", at_most=64))
        else:
            fields.fault("no_queue", f"an alert of kind {kind} watches no queue", "leave it out", "queue")
    threshold = margin = 0
    if kind in WITH_THRESHOLD:
        low, high = _LOWEST.get(kind, 0), _HIGHEST[kind]
        # A threshold that is missing is told by `text`, one that is no number by `whole`.
        given = fields.has("threshold") or bool(fields.text("threshold", at_most=20))
        threshold = fields.whole("threshold", low, high, usual=low) if given else low
        most = 100 - threshold if kind is AlertKind.SERVICE_LEVEL else max(threshold - low, 0)
        margin = fields.whole("margin", 0, most, usual=usual_margin(kind, threshold))
    else:
        for field in ("threshold", "margin"):
            if fields.has(field):
                fields.fault("no_threshold", f"an alert of kind {kind} has no {field}", "leave it out", field)
    return AlertRule(
        alert_id=name,
        label=label,
        kind=kind,
        queue=queue,
        threshold=threshold,
        margin=margin,
        hold=seconds(fields, "for_seconds", 0, _USUAL.hold),
        to=_targets(fields),
    )


def _targets(fields: Section) -> frozenset[AlertTarget]:
    if not fields.has("to"):
        return EVERYBODY
    known = tuple(AlertTarget)
    found = fields.texts("to", at_most=16)
    for word in found:
        if word not in known:
            fields.fault("bad_choice", f"{fields.path}.to has {word!r}", f"use {', '.join(known)}", "to")
    return frozenset(AlertTarget(word) for word in found if word in known)
