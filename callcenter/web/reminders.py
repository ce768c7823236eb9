"""The agent's reminders: he takes off his desk what he has read; they come by the live feed."""

from typing import Annotated

from fastapi import Depends, Path
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import no_content
from callcenter.web.routing import api_router

router = api_router()


@router.delete("/agents/me/reminders/{number}", status_code=204)
async def dismiss_reminder(
    number: Annotated[int, Path(ge=1, le=2**53)],
    principal: Annotated[Principal, Depends(Require(Action.DISMISS_REMINDERS))],
    deps: Deps,
) -> Response:
    """Take one's own reminder off the desk."""
    await deps.reminders.dismiss(principal.own_agent(), number)
    return no_content()
