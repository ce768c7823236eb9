"""Alerts: those that are open, those there were, and who looks after them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query
from starlette.responses import Response

from callcenter.app.alerts import Alert
from callcenter.app.permissions import Action
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router

router = api_router()

LARGEST_PAGE = 200
Number = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertList:
    """Some alerts, the newest first."""

    items: tuple[Alert, ...]


@router.get("/alerts", response_model=AlertList, dependencies=[Depends(Require(Action.READ_ALERTS))])
async def list_alerts(
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    open_only: Annotated[bool, Query(alias="open")] = False,
) -> Response:
    """The newest first, cleared ones too unless only open ones are wanted."""
    return document(AlertList(items=await deps.alert_book.alerts(limit=limit, before=before, open_only=open_only)))


@router.post("/alerts/{number}/acknowledgement", response_model=Alert)
async def acknowledge_alert(
    number: Number, principal: Annotated[Principal, Depends(Require(Action.ACKNOWLEDGE_ALERTS))], deps: Deps
) -> Response:
    """Say that one looks after it; whoever was first stays."""
    return document(await deps.alerts.acknowledge(number, by=principal.user.name))
