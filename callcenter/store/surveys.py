"""Surveys in the store: rows out of events, the rest of who was asked, and counts for the figures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callcenter.domain import events as ev
from callcenter.domain.ids import AgentId, CustomerId, QueueId
from callcenter.metrics.survey import SurveyTally
from callcenter.store.changes import family_of
from callcenter.store.database import Database
from callcenter.store.survey_tables import survey_answers, surveys
from callcenter.store.upsert import insert_into, upsert_into

IDS_A_QUERY = 500
SurveyEvent = ev.SurveyAsked | ev.SurveyAnswered
_Group = tuple[str, str | None, str | None]
"""A flow, a queue, an agent."""


class StoredSurveys:
    """Implements `callcenter.app.surveys.SurveyBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def asked_since(self, since: datetime, *, customer_id: CustomerId | None, number: str) -> bool:
        """Whether this customer was asked at or after `since`, or whoever was merged into him; without one, whether
        this number was."""

        def look(connection: Connection) -> bool:
            who: ColumnElement[bool] = surveys.c.number == number
            if customer_id is not None:
                who = surveys.c.customer_id.in_(family_of(connection, customer_id))
            query = select(surveys.c.interaction_id).where(who, surveys.c.asked_at >= since).limit(1)
            return connection.execute(query).first() is not None

        return await self._database.look(look)

    async def tallies(self, since: datetime, until: datetime) -> tuple[SurveyTally, ...]:
        """Who was asked from `since` until before `until`, and what was answered then, by flow, queue and agent."""
        has_answered = (surveys.c.interaction_id == survey_answers.c.interaction_id) & (
            surveys.c.flow == survey_answers.c.flow
        )
        group = (surveys.c.flow, surveys.c.queue_id, surveys.c.agent_id)
        asked = (
            select(
                *group,
                func.count(distinct(surveys.c.interaction_id)).label("asked"),
                func.count(distinct(survey_answers.c.interaction_id)).label("answered"),
            )
            .select_from(surveys.outerjoin(survey_answers, has_answered))
            .where(surveys.c.asked_at >= since, surveys.c.asked_at < until)
            .group_by(*group)
        )
        of = survey_answers.c
        scored = (
            select(of.flow, of.queue_id, of.agent_id, of.question, of.score, func.count().label("times"))
            .where(of.at >= since, of.at < until)
            .group_by(of.flow, of.queue_id, of.agent_id, of.question, of.score)
        )
        async with self._database.reading() as connection:
            asked_rows = (await connection.execute(asked)).all()
            scored_rows = (await connection.execute(scored)).all()
        return _tallies(asked_rows, scored_rows)


def _tallies(
    asked: Sequence[Row[tuple[str, str | None, str | None, int, int]]],
    scored: Sequence[Row[tuple[str, str | None, str | None, str, int, int]]],
) -> tuple[SurveyTally, ...]:
    counts: dict[_Group, tuple[int, int]] = {
        (row.flow, row.queue_id, row.agent_id): (row.asked, row.answered) for row in asked
    }
    scores: dict[_Group, dict[str, dict[int, int]]] = {}
    for row in scored:
        of_group = scores.setdefault((row.flow, row.queue_id, row.agent_id), {})
        of_group.setdefault(row.question, {})[row.score] = row.times
    return tuple(
        SurveyTally(
            flow=group[0],
            queue_id=QueueId(group[1]) if group[1] is not None else None,
            agent_id=AgentId(group[2]) if group[2] is not None else None,
            asked=counts.get(group, (0, 0))[0],
            answered=counts.get(group, (0, 0))[1],
            scores=scores.get(group, {}),
        )
        for group in sorted(counts.keys() | scores.keys(), key=lambda group: tuple(part or "" for part in group))
    )


def scores_of(connection: Connection, interaction_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """What was answered in these interactions: by interaction, then by question."""
    found: dict[str, dict[str, int]] = {}
    for start in range(0, len(interaction_ids), IDS_A_QUERY):
        part = interaction_ids[start : start + IDS_A_QUERY]
        query = survey_answers.select().where(survey_answers.c.interaction_id.in_(part))
        for row in connection.execute(query.order_by(survey_answers.c.at, survey_answers.c.question)):
            found.setdefault(row.interaction_id, {})[row.question] = row.score
    return found


async def write_surveys(connection: AsyncConnection, events: Iterable[SurveyEvent]) -> None:
    """The rows of these events; of the same question of the same call the last answer counts, and the first asking."""
    asked: dict[str, ev.SurveyAsked] = {}
    answered: dict[tuple[str, str, str], ev.SurveyAnswered] = {}
    for event in events:
        match event:
            case ev.SurveyAsked():
                asked.setdefault(event.interaction_id, event)
            case ev.SurveyAnswered():
                answered[event.interaction_id, event.flow, event.question] = event
    if asked:
        rows = [{**_row(event), "asked_at": event.at, "number": event.number or None} for event in asked.values()]
        first = insert_into(connection, surveys).on_conflict_do_nothing(index_elements=["interaction_id"])
        await connection.execute(first, rows)
    if answered:
        rows = [
            {**_row(event), "question": event.question, "score": event.score, "at": event.at}
            for event in answered.values()
        ]
        await connection.execute(upsert_into(connection, survey_answers), rows)


def _row(event: SurveyEvent) -> dict[str, object]:
    return {
        "interaction_id": event.interaction_id,
        "flow": event.flow,
        "agent_id": event.agent_id,
        "queue_id": event.queue_id,
        "customer_id": event.customer_id,
    }
