"""The part `best_offers` of the business's file: one offer read, and what of it does not fit to segments and fields.

Law: a condition is held against the fields there are when it is saved, so that the pop never meets one it cannot read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from callcenter.app.business import Business, Part
from callcenter.app.business_checks import BusinessFault
from callcenter.app.business_fields import NAME, NAME_RULE, inner_label, optional_day, script
from callcenter.crm.errors import SegmentError
from callcenter.crm.segment_fields import BUILT_IN, CUSTOM
from callcenter.crm.segment_text import LONGEST_TEXT, parse_segment
from callcenter.crm.segments import Fields
from callcenter.domain.best_offers import USUAL_REST_DAYS, BestOffer
from callcenter.domain.labels import Label
from callcenter.ivr.document import Section

FIELDS: Final = ("label", "text", "segment", "condition", "priority", "from", "until", "rest_days")
HIGHEST_PRIORITY: Final = 1_000
LONGEST_REST_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownConditions:
    """What a condition may name: the fields of customers, and the saved segments."""

    fields: Fields
    segments: frozenset[str]


def read_best_offer(name: str, fields: Section) -> BestOffer:
    """One offer."""
    fields.only(*FIELDS)
    segment = fields.text("segment", at_most=64) if fields.has("segment") else ""
    if segment and not NAME.fullmatch(segment):
        fields.fault("bad_name", f"{fields.path}.segment: {segment!r} is no segment's id", NAME_RULE, "segment")
    first_on, last_on = optional_day(fields, "from"), optional_day(fields, "until")
    if first_on is not None and last_on is not None and last_on < first_on:
        what = f"{fields.path} ends on {last_on}, before it begins"
        fields.fault("bad_day", what, f"give a day from {first_on} on", "until")
    return BestOffer(
        best_offer_id=name,
        label=inner_label(fields),
        text=script(fields, "text", needed=True) or Label(zh="", en=""),
        segment=segment,
        condition=fields.text("condition", at_most=LONGEST_TEXT).strip() if fields.has("condition") else "",
        priority=fields.whole("priority", 0, HIGHEST_PRIORITY, usual=0),
        first_on=first_on,
        last_on=last_on,
        rest_days=fields.whole("rest_days", 0, LONGEST_REST_DAYS, usual=USUAL_REST_DAYS),
    )


def best_offer_faults(business: Business, known: KnownConditions | None) -> Iterator[BusinessFault]:
    """Conditions that cannot be read and segments there are not; without `known` of built-in fields alone."""
    for name, offer in business.best_offers.items():
        place = (Part.BEST_OFFERS, name)
        if offer.segment and known is not None and offer.segment not in known.segments:
            yield BusinessFault(
                code="unknown_segment",
                what=f"best offer {name}: there is no segment {offer.segment!r}",
                right=f"known: {', '.join(sorted(known.segments)) or 'none'}",
                places=((*place, "segment"),),
            )
        if not offer.condition or (known is None and CUSTOM in offer.condition):
            continue
        try:
            parse_segment(offer.condition, BUILT_IN if known is None else known.fields)
        except SegmentError as error:
            yield BusinessFault(
                code="bad_condition",
                what=f"best offer {name}: its condition cannot be read: {error}",
                right='write it as a segment, such as class in ("A", "B") and days since last_purchase > 90',
                places=((*place, "condition"),),
            )
