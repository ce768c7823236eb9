"""Agreed callbacks in both databases: found by whose and when, changed by one at a time, gone when they wait."""

from dataclasses import replace
from datetime import timedelta

from callcenter.domain.agreed_callbacks import AgreedCallback, AgreedState
from callcenter.domain.ids import AgentId, InteractionId, QueueId
from callcenter.store.agreed_callbacks import StoredAgreedCallbacks
from callcenter.store.database import Database
from tests.adapters.store_calls import at


def agreed(number: int) -> AgreedCallback:
    return AgreedCallback(
        interaction_id=InteractionId(f"agreed-{number}"),
        number=f"+861370000000{number}",
        customer_id=None,
        queue_id=QueueId("sales"),
        at=at(3_600 * number),
        note="Zweite Rechnung, 第二张发票",
        agreed_by="anna" if number < 3 else "ben",
        agreed_at=at(0),
        agent_id=AgentId("1001") if number == 3 else None,
        origin_id=InteractionId("cc1-1.1"),
    )


async def test_they_are_found_changed_once_and_taken_off(database: Database) -> None:
    store = StoredAgreedCallbacks(database)
    for number in (2, 1, 3):
        await store.add(agreed(number))
    assert [one.callback for one in await store.listed()] == [agreed(1), agreed(2), agreed(3)]
    assert [one.callback.interaction_id for one in await store.listed(by="anna")] == ["agreed-1", "agreed-2"]
    his = await store.listed(by="anna", agent_id=AgentId("1001"))
    assert [one.callback.interaction_id for one in his] == ["agreed-1", "agreed-2", "agreed-3"]
    assert await store.due(at(3_599)) == ()
    assert await store.due(at(7_200)) == (agreed(1), agreed(2))
    assert await store.of_number(agreed(2).number) == agreed(2)
    later = replace(agreed(2), at=agreed(2).at + timedelta(days=1), version=2)
    assert await store.replace(agreed(2), later, by="anna", at=at(10))
    assert not await store.replace(agreed(2), later, by="ben", at=at(11))
    assert await store.one(later.interaction_id) == later
    refused = replace(agreed(1), state=AgreedState.REFUSED, version=2)
    assert await store.replace(agreed(1), refused, by="anna", at=at(12))
    assert await store.due(at(7_200)) == ()
    assert await store.of_number(agreed(1).number) is None
    assert await store.take(later.interaction_id, by="anna", at=at(20))
    assert not await store.take(later.interaction_id, at=at(21))
    assert await store.one(later.interaction_id) is None
