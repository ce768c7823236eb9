"""Customers who were told apart, on both databases: proposed no more, whoever is merged with whom meanwhile."""

import random
from itertools import combinations

import pytest

from callcenter.app.customer_book import TellingApart
from callcenter.domain.customers import CustomerKind
from callcenter.domain.errors import Conflict, InvalidValue
from callcenter.domain.ids import CustomerId, MergeId
from callcenter.store.customer_merge import StoredMerging
from callcenter.store.customer_search import StoredCustomerSearch
from callcenter.store.database import Database
from callcenter.store.told_apart import StoredTellingApart
from tests.adapters.store_calls import at
from tests.adapters.store_crm import make, phone, whole_store

A, B, C, D = (CustomerId(one) for one in "abcd")


async def alike(database: Database) -> TellingApart:
    """a, b, c and d have one number and one name."""
    for one in (A, B, C, D):
        await make(database, "王芳", phone("+861000"), customer_id=one)
    return StoredTellingApart(database)


async def proposed(database: Database, customer_id: CustomerId) -> set[str]:
    found = await StoredCustomerSearch(database).duplicates(customer_id, limit=9)
    return {one.customer.customer_id for one in found}


async def marked(database: Database, customer_id: CustomerId) -> set[str]:
    return {one.other.customer_id for one in await StoredTellingApart(database).told_apart(customer_id)}


async def test_told_apart_they_are_proposed_no_more_until_it_is_taken_back(database: Database) -> None:
    apart = await alike(database)
    assert await apart.tell_apart(B, A, at=at(1), by="1001")
    assert not await apart.tell_apart(A, B, at=at(2), by="1002")
    assert (await proposed(database, A), await proposed(database, B)) == ({"c", "d"}, {"c", "d"})
    assert await proposed(database, C) == {"a", "b", "d"}
    (told,) = await apart.told_apart(A)
    assert (told.other.customer_id, told.at, told.by) == ("b", at(1), "1001")
    await apart.take_back(A, B, at=at(3), by="1003")
    assert await proposed(database, A) == {"b", "c", "d"}
    assert await apart.told_apart(B) == ()


async def test_a_mark_goes_on_with_a_merge_and_comes_back_with_its_undoing(database: Database) -> None:
    apart, merging = await alike(database), StoredMerging(database)
    await apart.tell_apart(A, B, at=at(1), by="1001")
    await apart.tell_apart(C, B, at=at(2), by="1001")
    before = await whole_store(database)
    await merging.merge(C, A, merge_id=MergeId("m1"), at=at(10), by="super")
    assert (await marked(database, C), await marked(database, A)) == ({"b"}, {"b"})
    assert await marked(database, B) == {"c"}
    assert await proposed(database, C) == {"d"}
    with pytest.raises(Conflict, match="1001 said that customers c and b are two") as refused:
        await merging.merge(C, B, merge_id=MergeId("m2"), at=at(11), by="super")
    assert refused.value.code == "told_apart"
    with pytest.raises(Conflict) as gone:
        await apart.tell_apart(A, D, at=at(12), by="1001")
    assert gone.value.code == "customer_merged"
    await merging.undo(MergeId("m1"), at=at(20), by="super")
    assert (await whole_store(database))["told_apart"] == before["told_apart"]
    assert await marked(database, B) == {"a", "c"}


async def test_taken_back_after_a_merge_it_is_taken_back_of_both(database: Database) -> None:
    apart, merging = await alike(database), StoredMerging(database)
    for one in (A, C):
        await apart.tell_apart(one, B, at=at(1), by="1001")
    await merging.merge(C, A, merge_id=MergeId("m1"), at=at(10), by="super")
    await apart.take_back(B, C, at=at(11), by="super")
    await merging.undo(MergeId("m1"), at=at(20), by="super")
    assert (await whole_store(database))["told_apart"] == []


async def test_a_shared_number_is_told_until_all_who_have_it_are_told_apart(database: Database) -> None:
    apart = await alike(database)
    search = StoredCustomerSearch(database)
    pairs = list(combinations((A, B, C, D), 2))
    random.Random(7).shuffle(pairs)
    for one, other in pairs:
        assert len((await search.shared_points(limit=9, after=None)).items) == 1
        await apart.tell_apart(one, other, at=at(1), by="1001")
    assert (await search.shared_points(limit=9, after=None)).items == ()


async def test_a_person_and_a_firm_need_no_telling_apart(database: Database) -> None:
    apart = await alike(database)
    await make(database, "王芳", phone("+861000"), customer_id="firm", kind=CustomerKind.ORGANISATION)
    with pytest.raises(InvalidValue) as caught:
        await apart.tell_apart(A, CustomerId("firm"), at=at(1), by="1001")
    assert caught.value.code == "kinds_differ"
