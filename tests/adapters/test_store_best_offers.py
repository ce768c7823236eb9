"""Answers to next best offers in the store: what counts as offered, mistakes taken back, timeline, figures."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callcenter.app.best_offers import AnsweredOffer, OfferHistory
from callcenter.app.customer_book import TimelineKind
from callcenter.app.management import Listed
from callcenter.app.ports import CustomerInput
from callcenter.crm.periods import Period
from callcenter.crm.segment_fields import BUILT_IN
from callcenter.crm.value_rules import ValueRules
from callcenter.domain.best_offers import OfferAnswer
from callcenter.domain.customers import Channel, ConsentState
from callcenter.domain.errors import NotFound
from callcenter.domain.ids import AgentId, CustomerId, InteractionId, MergeId
from callcenter.domain.labels import Label
from callcenter.store.best_offers import StoredBestOffers
from callcenter.store.customer_book import StoredCustomerBook
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customers import StoredCustomers
from callcenter.store.database import Database
from callcenter.store.management import StoredManagement
from tests.adapters.store_calls import NOON
from tests.adapters.store_crm import consent, make

SHANGHAI = ZoneInfo("Asia/Shanghai")
ANNA, BEA = CustomerId("anna"), CustomerId("bea")
LATE = datetime(2026, 7, 31, 17, tzinfo=UTC)
"""In Shanghai it is August by then."""


def answered(
    interaction: str,
    answer: OfferAnswer = OfferAnswer.DECLINED,
    *,
    customer: CustomerId = ANNA,
    offer: str = "upgrade",
    at: datetime = LATE,
    label: str = "Upgrade",
) -> AnsweredOffer:
    return AnsweredOffer(
        answer_id=f"{interaction}-{offer}-{answer}",
        customer_id=customer,
        best_offer_id=offer,
        label=Label(zh="升级", en=label),
        interaction_id=InteractionId(interaction),
        answer=answer,
        at=at,
        by="chen",
        agent_id=AgentId("1001"),
    )


async def history(database: Database, customer: CustomerId = ANNA, interaction: str | None = None) -> OfferHistory:
    found = await StoredBestOffers(database).history(
        customer,
        BUILT_IN,
        timezone=SHANGHAI,
        interaction_id=None if interaction is None else InteractionId(interaction),
    )
    assert found is not None
    return found


async def test_an_offer_was_made_on_the_day_of_its_last_answer_by_the_clock_of_the_house(database: Database) -> None:
    await make(database, "anna")
    store = StoredBestOffers(database)
    await store.put(answered("1.1", at=LATE - timedelta(days=1)))
    await store.put(answered("2.1"))
    await store.put(answered("2.1", offer="other"))
    found = await history(database)
    assert found.basis.offered_on == {"upgrade": date(2026, 8, 1), "other": date(2026, 8, 1)}
    # In the talk itself what was answered just now is no earlier time.
    found = await history(database, interaction="2.1")
    assert found.basis.offered_on == {"upgrade": date(2026, 7, 31)}
    assert [(one.best_offer_id, one.answer) for one in found.answered] == [
        ("other", OfferAnswer.DECLINED),
        ("upgrade", OfferAnswer.DECLINED),
    ]
    assert await store.history(CustomerId("x"), BUILT_IN, timezone=SHANGHAI, interaction_id=None) is None


async def test_another_answer_takes_the_place_of_the_first_and_can_be_taken_back(database: Database) -> None:
    await make(database, "anna")
    store = StoredBestOffers(database)
    first = await store.put(answered("1.1"))
    assert first == answered("1.1")
    same = await store.put(answered("1.1", at=LATE + timedelta(minutes=1)))
    assert same.at == LATE
    changed = await store.put(answered("1.1", OfferAnswer.ACCEPTED, at=LATE + timedelta(minutes=2)))
    assert (changed.answer_id, changed.answer) == (first.answer_id, OfferAnswer.ACCEPTED)
    assert changed.at == LATE + timedelta(minutes=2)
    assert await store.take_back(InteractionId("1.1"), "upgrade")
    assert not await store.take_back(InteractionId("1.1"), "upgrade")
    assert (await history(database)).basis.offered_on == {}
    with pytest.raises(NotFound):
        await store.put(answered("1.1", customer=CustomerId("x")))


async def test_his_record_and_what_he_agreed_to_come_with_it(database: Database) -> None:
    await make(database, "anna", tags=("vip",), segment="A")
    customers = StoredCustomers(database)
    known = await customers.customer(ANNA)
    assert known is not None
    said = (consent(Channel.PHONE, ConsentState.REFUSED),)
    await customers.update(ANNA, CustomerInput(name="anna", tags=("vip",), consents=said), at=NOON, by="1001")
    basis = (await history(database)).basis
    assert (basis.record["tags"], basis.record["open_complaints"]) == (frozenset({"vip"}), 0.0)
    assert tuple(basis.consents) == said


async def test_answers_go_with_a_merge_and_stand_in_the_timeline(database: Database) -> None:
    await make(database, "anna")
    await make(database, "bea")
    store = StoredBestOffers(database)
    await store.put(answered("1.1", OfferAnswer.NOT_NOW))
    merging = StoredMerging(database)
    await merging.merge(BEA, ANNA, merge_id=MergeId("m"), at=LATE, by="1001")
    # Asked for by the old id, too, and whoever answers then answers for both.
    for who in (ANNA, BEA):
        assert set((await history(database, who)).basis.offered_on) == {"upgrade"}
    assert (await store.put(answered("2.1", at=LATE + timedelta(minutes=1)))).customer_id == BEA
    page = await StoredCustomerBook(database).timeline(BEA, kinds=(TimelineKind.BEST_OFFER,), limit=9, before=None)
    assert [(entry.data["answer"], entry.data["label_en"], entry.data["by"]) for entry in page.items] == [
        ("declined", "Upgrade", "chen"),
        ("not_now", "Upgrade", "chen"),
    ]
    await merging.undo(MergeId("m"), at=LATE, by="1001")
    assert [one.interaction_id for one in (await history(database, ANNA, "1.1")).answered] == ["1.1"]
    page = await StoredCustomerBook(database).timeline(BEA, kinds=(TimelineKind.BEST_OFFER,), limit=9, before=None)
    assert [entry.data["answer"] for entry in page.items] == ["declined"]


async def test_management_counts_answers_by_offer_with_the_list_behind(database: Database) -> None:
    await make(database, "anna")
    await make(database, "bea")
    store = StoredBestOffers(database)
    await store.put(answered("1.1", OfferAnswer.ACCEPTED, label="Old name", at=LATE - timedelta(hours=1)))
    await store.put(answered("2.1", OfferAnswer.DECLINED))
    await store.put(answered("3.1", OfferAnswer.NOT_NOW, customer=BEA))
    await store.put(answered("3.1", OfferAnswer.ACCEPTED, customer=BEA, offer="other"))
    await store.put(answered("9.1", OfferAnswer.ACCEPTED, at=LATE + timedelta(days=60)))
    management = StoredManagement(database, SHANGHAI)
    august = Period(start=date(2026, 8, 1), end=date(2026, 9, 1))
    upgrade, other = await management.best_offers(august)
    assert (upgrade.best_offer_id, upgrade.label.en) == ("upgrade", "Upgrade")
    assert (upgrade.accepted, upgrade.declined, upgrade.not_now, upgrade.customers) == (1, 1, 1, 2)
    assert upgrade.offered == 3
    assert upgrade.acceptance_rate == pytest.approx(1 / 3)
    assert (other.offered, other.acceptance_rate) == (1, 1.0)
    july = Period(start=date(2026, 7, 1), end=date(2026, 8, 1))
    assert await management.best_offers(july) == ()
    rows = await management.listed(
        Listed.BEST_OFFER, august, key="upgrade", rules=ValueRules(), currency="CNY", limit=9, offset=0
    )
    assert sorted((row.customer_id, row.what, row.reference) for row in rows) == [
        ("anna", "accepted", "1.1"),
        ("anna", "declined", "2.1"),
        ("bea", "not_now", "3.1"),
    ]
