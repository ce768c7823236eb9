"""Which offers fit a customer, in which order and when not; and the part of the business's file that says so."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from callcenter.app.business import Part
from callcenter.app.business_best_offers import KnownConditions
from callcenter.app.business_file import read_business
from callcenter.app.business_text import write_business
from callcenter.crm.best_offers import OfferBasis, ReadyOffer, Withheld, fitting, withheld
from callcenter.crm.segment_fields import BUILT_IN
from callcenter.crm.segment_text import parse_segment
from callcenter.crm.segments import FieldKind, FieldValue
from callcenter.domain.best_offers import BestOffer
from callcenter.domain.customers import Channel, Consent, ConsentState
from callcenter.domain.labels import Label
from callcenter.ivr.faults import FlowError
from tests.fakes import START

TODAY = date(2026, 8, 1)
LABEL = Label(zh="升级", en="Upgrade")
FILE = """
best_offers:
  upgrade:
    label: {zh: 升级, en: Upgrade}
    text:
      zh: "您好 {customer.name}，\\n要升级吗？"
      en: "Hello {customer.name}: would you like to upgrade?"
    segment: at_risk
    condition: class in ("A", "B") and not (tags contains "staff")
    priority: 50
    from: 2026-08-01
    until: 2026-12-31
    rest_days: 90
  plain: {label: {zh: 普通, en: Plain}, text: {zh: 您好, en: Hello}}
"""


def ready(name: str, *conditions: str, **fields: int | date | None) -> ReadyOffer:
    priority, rest_days = fields.get("priority", 0), fields.get("rest_days", 30)
    first_on, last_on = fields.get("first_on"), fields.get("last_on")
    assert isinstance(priority, int)
    assert isinstance(rest_days, int)
    assert not isinstance(first_on, int)
    assert not isinstance(last_on, int)
    offer = BestOffer(
        best_offer_id=name,
        label=LABEL,
        text=LABEL,
        priority=priority,
        rest_days=rest_days,
        first_on=first_on,
        last_on=last_on,
    )
    return ReadyOffer(offer=offer, conditions=tuple(parse_segment(one, BUILT_IN) for one in conditions))


def basis(
    record: Mapping[str, FieldValue] | None = None,
    *,
    offered_on: Mapping[str, date] | None = None,
    phone: ConsentState | None = None,
) -> OfferBasis:
    said = (Consent(channel=Channel.PHONE, state=phone, at=START, by="1001"),) if phone is not None else ()
    return OfferBasis(record=record or {}, consents=said, offered_on=offered_on or {})


def names(offers: list[ReadyOffer], known: OfferBasis) -> list[str]:
    return [offer.best_offer_id for offer in fitting(offers, known, today=TODAY)]


def test_the_highest_priority_comes_first_then_the_id() -> None:
    offers = [ready("b"), ready("c", priority=9), ready("a")]
    assert names(offers, basis()) == ["c", "a", "b"]


def test_all_conditions_must_hold() -> None:
    offers = [ready("both", 'class = "A"', "orders > 2"), ready("one", 'class = "A"'), ready("none")]
    assert names(offers, basis({"class": "A", "orders": 3.0})) == ["both", "none", "one"]
    assert names(offers, basis({"class": "A", "orders": 2.0})) == ["none", "one"]
    assert names(offers, basis()) == ["none"]


def test_the_first_and_the_last_day_are_days_of_it() -> None:
    day = timedelta(days=1)
    assert names([ready("x", first_on=TODAY, last_on=TODAY)], basis()) == ["x"]
    assert names([ready("x", first_on=TODAY + day)], basis()) == []
    assert names([ready("x", last_on=TODAY - day)], basis()) == []


@pytest.mark.parametrize(("days", "fits"), [(0, False), (29, False), (30, True), (400, True)])
def test_an_offer_rests_for_its_days(days: int, fits: bool) -> None:
    known = basis(offered_on={"x": TODAY - timedelta(days=days), "y": TODAY})
    assert names([ready("x", rest_days=30)], known) == (["x"] if fits else [])
    assert names([ready("x", rest_days=0)], known) == ["x"]


@pytest.mark.parametrize("state", [ConsentState.REFUSED, ConsentState.DO_NOT_CONTACT])
def test_who_refused_advertising_on_the_telephone_is_offered_nothing(state: ConsentState) -> None:
    assert names([ready("x")], basis(phone=state)) == []
    assert withheld(basis(phone=state)) is Withheld.REFUSED
    elsewhere = Consent(channel=Channel.EMAIL, state=state, at=START, by="1001")
    assert withheld(OfferBasis(record={}, consents=(elsewhere,), offered_on={})) is None
    assert names([ready("x")], basis(phone=ConsentState.GRANTED)) == ["x"]


def test_an_open_complaint_comes_before_every_offer() -> None:
    assert names([ready("x")], basis({"open_complaints": 1.0})) == []
    assert withheld(basis({"open_complaints": 1.0})) is Withheld.OPEN_COMPLAINT
    assert withheld(basis({"open_complaints": 0.0, "complaints": 3.0})) is None


# ---- the file


def test_the_file_says_it_and_is_written_the_same_again() -> None:
    business = read_business(FILE, "x.yaml").wanted.business
    offer = business.best_offers["upgrade"]
    assert (offer.segment, offer.priority, offer.rest_days) == ("at_risk", 50, 90)
    assert (offer.first_on, offer.last_on) == (TODAY, date(2026, 12, 31))
    assert offer.text.zh.splitlines() == ["您好 {customer.name}，", "要升级吗？"]
    assert business.best_offers["plain"].rest_days == 30
    text = write_business(business)
    again = read_business(text, "y.yaml").wanted
    assert again.business.best_offers == business.best_offers
    assert Part.BEST_OFFERS in again.parts
    assert write_business(again.business) == text


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("text: {zh: '{customer.pin}', en: x}", "bad_script"),
        ("from: 2026-13-01", "bad_day"),
        ("until: 2026-07-31", "bad_day"),
        ("priority: -1", "bad_number"),
        ("rest_days: 4000", "bad_number"),
        ("segment: 'at risk'", "bad_name"),
        ("channel: phone", "unknown_field"),
    ],
)
def test_a_fault_is_told_at_its_line(line: str, code: str) -> None:
    fields = {"label": "{zh: 升级, en: Up}", "text": "{zh: 您好, en: Hello}", "from": "2026-08-01"}
    name, _, value = line.partition(": ")
    text = "best_offers:\n  up:\n" + "".join(f"    {key}: {said}\n" for key, said in {**fields, name: value}.items())
    with pytest.raises(FlowError) as refused:
        read_business(text, "x.yaml")
    (fault,) = refused.value.faults
    assert fault.code == code
    assert text.splitlines()[fault.line - 1].strip().startswith(name)


HEAD = "best_offers:\n  up:\n    label: {zh: 升级, en: Up}\n    text: {zh: 您好, en: Hello}\n"


def check(condition: str = "", segment: str = "", *, known: KnownConditions | None) -> list[str]:
    named = f"condition: '{condition}'" if condition else f"segment: {segment}"
    file = read_business(f"{HEAD}    {named}\n", "x.yaml")
    try:
        file.check(file.wanted.business, flows=None, conditions=known)
    except FlowError as refused:
        return [f"{fault.line} {fault.code}" for fault in refused.faults]
    return []


def test_conditions_are_held_against_the_fields_and_segments_there_are() -> None:
    known = KnownConditions(fields={**BUILT_IN, "custom.size": FieldKind.NUMBER}, segments=frozenset({"at_risk"}))
    assert check('class = "A"', known=known) == check("custom.size > 5", known=known) == []
    assert check("custom.weight > 5", known=known) == ["5 bad_condition"]
    assert check('orders = "many"', known=known) == check("clas > 2", known=known) == ["5 bad_condition"]
    assert check(segment="at_risk", known=known) == []
    assert check(segment="loyal", known=known) == ["5 unknown_segment"]
    # A file is also read where no database is at hand.
    assert check("custom.weight > 5", known=None) == check(segment="loyal", known=None) == []
    assert check("orders >", known=None) == ["5 bad_condition"]
