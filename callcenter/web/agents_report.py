"""The agents' figures of today as a file."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from callcenter.app.agents_report import agents_table
from callcenter.app.permissions import Action
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.routing import api_router
from callcenter.web.tables_out import ANY_TABLE, Format, Rows, table_out

router = api_router()

Exporter = Annotated[Principal, Depends(Require(Action.EXPORT_RECORDS))]


@router.get("/exports/agents-today", response_model=None, responses=ANY_TABLE)
async def export_agents_today(
    principal: Exporter,
    deps: Deps,
    format: Format = "csv",  # noqa: A002 - the word people use.
) -> Response:
    """Every agent's figures since midnight, a row each."""

    async def pages() -> AsyncIterator[Rows]:
        header, *rows = agents_table(deps.board.agents(), deps.clock.now())
        yield [header]
        yield rows

    return await table_out(pages(), "agents-today", format, principal, deps)
