"""Published flows in the real databases: appended, never overwritten unseen, and noticed as a newer version."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from callcenter.app.flow_texts import Publication, PublishedMeanwhile, retracted
from callcenter.domain.errors import NotFound
from callcenter.store import tables
from callcenter.store.configuration import StoredConfiguration
from callcenter.store.database import Database
from callcenter.store.flows import StoredFlows
from tests.fakes import START

ODD = "flow: main\n# 你好 “quotes” 🐉 \\ ' % : \u2028\n"
FIRST = Publication(name="main", version=1, text=ODD, by="anna", at=START, note="first; 第一")


async def test_what_is_published_is_read_back_and_raises_the_version(database: Database) -> None:
    flows, configuration = StoredFlows(database), StoredConfiguration(database)
    before = await configuration.version()
    assert await flows.newest() == {}
    await flows.add(FIRST)
    second = replace(FIRST, version=2, text="flow: main\n", by="bo", note="")
    await flows.add(second)
    await flows.add(replace(FIRST, name="other"))
    assert await flows.newest() == {"main": second, "other": replace(FIRST, name="other")}
    assert await flows.history("main", limit=10) == (second, FIRST)
    assert await flows.history("main", limit=10, before=2) == (FIRST,)
    assert await flows.history("main", limit=1) == (second,)
    assert await flows.version("main", 1) == FIRST
    assert await configuration.version() == before + 3
    back = retracted(second, by="anna", at=START, note="undone")
    await flows.add(back)
    assert (await flows.newest())["main"] == back
    with pytest.raises(NotFound):
        await flows.version("main", 9)
    async with database.reading() as connection:
        lines = (await connection.execute(select(tables.audit).order_by(tables.audit.c.audit_id))).all()
    assert [(line.action, line.by, line.subject) for line in lines] == [
        ("flow_published", "anna", "main"),
        ("flow_published", "bo", "main"),
        ("flow_published", "anna", "other"),
        ("flow_retracted", "anna", "main"),
    ]
    assert lines[0].detail.endswith(": first; 第一")


async def test_nobody_overwrites_what_he_has_not_seen(database: Database) -> None:
    flows = StoredFlows(database)
    await flows.add(FIRST)
    for version in (1, 3):
        with pytest.raises(PublishedMeanwhile) as raised:
            await flows.add(replace(FIRST, version=version, by="bo"))
    with pytest.raises(PublishedMeanwhile, match="anna published version 1"):
        await flows.add(replace(FIRST, by="bo"))
    assert raised.value.code == "published_meanwhile"
    assert await flows.history("main", limit=10) == (FIRST,)


async def test_of_two_who_publish_at_once_one_is_told_of_the_other(database: Database) -> None:
    flows = StoredFlows(database)
    tries = [flows.add(replace(FIRST, by=name)) for name in ("anna", "bo", "chen", "dai")]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, PublishedMeanwhile)]
    assert len(refused) == 3
    assert outcomes.count(None) == 1
    assert len(await flows.history("main", limit=10)) == 1
