"""What callers say of their talks, as figures: of all, by queue, by agent, for a period."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.domain.errors import InvalidValue
from callcenter.metrics.survey import SurveyFigures, SurveyGroup, survey_figures
from callcenter.web.access import Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Moment

router = api_router()

USUAL_PERIOD = timedelta(days=30)
LONGEST_PERIOD = timedelta(days=3_660)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyReport:
    """The figures of a period, from `since` until before `until`."""

    since: datetime
    until: datetime
    all: SurveyFigures
    queues: tuple[SurveyFigures, ...]
    agents: tuple[SurveyFigures, ...]


@router.get("/surveys", response_model=SurveyReport, dependencies=[Depends(Require(Action.READ_SURVEYS))])
async def read_surveys(
    deps: Deps,
    since: Annotated[Moment | None, Query()] = None,
    until: Annotated[Moment | None, Query()] = None,
) -> Response:
    """Who was asked and what was answered; of the last 30 days where nothing else is said."""
    end = until or deps.clock.now()
    begin = since or end - USUAL_PERIOD
    if begin >= end:
        raise InvalidValue(f"since ({begin.isoformat()}) must be before until ({end.isoformat()})")
    if end - begin > LONGEST_PERIOD:
        raise InvalidValue(f"the period must not be longer than {LONGEST_PERIOD.days} days")
    tallies = await deps.surveys.tallies(begin, end)
    (of_all,) = survey_figures(tallies)
    return document(
        SurveyReport(
            since=begin,
            until=end,
            all=of_all,
            queues=survey_figures(tallies, SurveyGroup.QUEUE),
            agents=survey_figures(tallies, SurveyGroup.AGENT),
        )
    )
