"""Ports to what is kept of surveys: who was asked when, and what was answered."""

from datetime import datetime
from typing import Protocol

from callcenter.domain.ids import CustomerId
from callcenter.metrics.survey import SurveyTally


class SurveyBook(Protocol):
    """The store of surveys."""

    async def asked_since(self, since: datetime, *, customer_id: CustomerId | None, number: str) -> bool:
        """Whether this customer was asked at or after `since`; where he is not known, whether this number was."""
        ...

    async def tallies(self, since: datetime, until: datetime) -> tuple[SurveyTally, ...]:
        """What was asked from `since` until before `until`, and what was answered to that, counted."""
        ...
