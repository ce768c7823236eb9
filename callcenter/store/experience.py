"""How it went with a customer the last time: what he answered in his last survey, and his last complaint."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from callcenter.app.customer_book import Experience, LastComplaint, LastSurvey
from callcenter.domain.cases import CaseKind, CaseOutcome
from callcenter.domain.ids import AgentId, CaseId, CustomerId, InteractionId, QueueId
from callcenter.store.changes import family_of
from callcenter.store.survey_tables import survey_answers
from callcenter.store.surveys import scores_of
from callcenter.store.tables import cases


def read_experience(connection: Connection, customer_id: CustomerId) -> Experience:
    """Of the customer and whoever was merged into him."""
    family = family_of(connection, customer_id)
    return Experience(survey=_survey(connection, family), complaint=_complaint(connection, family))


def _survey(connection: Connection, family: Sequence[str]) -> LastSurvey | None:
    of = survey_answers.c
    query = select(of.interaction_id, of.at, of.queue_id, of.agent_id).where(of.customer_id.in_(family))
    row = connection.execute(query.order_by(of.at.desc(), of.interaction_id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return LastSurvey(
        interaction_id=InteractionId(row.interaction_id),
        at=row.at,
        queue_id=None if row.queue_id is None else QueueId(row.queue_id),
        agent_id=None if row.agent_id is None else AgentId(row.agent_id),
        scores=scores_of(connection, [row.interaction_id])[row.interaction_id],
    )


def _complaint(connection: Connection, family: Sequence[str]) -> LastComplaint | None:
    of = cases.c
    query = cases.select().where(of.customer_id.in_(family), of.kind == CaseKind.COMPLAINT)
    row = connection.execute(query.order_by(of.opened_at.desc(), of.case_id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return LastComplaint(
        case_id=CaseId(row.case_id),
        subject=row.subject,
        state=row.state,
        opened_at=row.opened_at,
        settled_at=row.resolved_at or row.closed_at,
        reason=row.reason,
        remedy=row.remedy,
        outcome=None if row.outcome is None else CaseOutcome(row.outcome),
    )
