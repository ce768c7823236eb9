"""Puts the web application together: routes, errors, headers, limits, log."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from callcenter.web import (
    agents_report,
    agreed_callbacks,
    alerts,
    best_offers,
    board,
    calls_out,
    cases,
    configuration,
    customer_book,
    customer_lists,
    customer_numbers,
    customers,
    demo,
    desk,
    exports,
    flows,
    health,
    hooks,
    imports,
    interactions,
    internal_calls,
    live,
    management,
    merges,
    messages,
    monitoring,
    notices,
    openapi,
    opportunities,
    orders,
    pages,
    privacy,
    products,
    prompts,
    reminders,
    segments,
    session,
    supervision,
    surveys,
    tasks,
    transfers,
    users,
    values,
    walls,
    wishes,
)
from callcenter.web.dependencies import WebDependencies
from callcenter.web.desktops import Desktops
from callcenter.web.limits import RequestLimits
from callcenter.web.live import LiveConnection
from callcenter.web.masking import NumberMask
from callcenter.web.measures import WebMeasures
from callcenter.web.origin import OriginCheck
from callcenter.web.pages import PageFiles
from callcenter.web.problems import add_problem_handlers
from callcenter.web.request_log import RequestLog
from callcenter.web.security_headers import SecurityHeaders, page_policy
from callcenter.web.unchanged import Unchanged

_TITLE = "callcenter"
_ABOUT = "Agents' desks, interactions, customers and boards of a contact centre; docs/api.md has the words."
_PARTS = (
    session,
    desk,
    transfers,
    agents_report,
    agreed_callbacks,
    calls_out,
    interactions,
    internal_calls,
    customers,
    merges,
    customer_book,
    customer_lists,
    customer_numbers,
    products,
    orders,
    opportunities,
    cases,
    tasks,
    messages,
    board,
    wishes,
    walls,
    supervision,
    monitoring,
    notices,
    configuration,
    users,
    flows,
    prompts,
    surveys,
    imports,
    exports,
    values,
    segments,
    management,
    best_offers,
    hooks,
    privacy,
    alerts,
    reminders,
    demo,
    live,
    openapi,
    health,
)


def api_description() -> dict[str, object]:
    """The OpenAPI description of all routes, with nothing behind them; it carries no version of the program."""
    return openapi.describe(_TITLE, "v1", _ABOUT, _api().routes)


def work_out_routes() -> None:
    """FastAPI does this when a route is first looked for: half a second, in which no call would be served.

    It is done once in a process, whatever number of applications it has.
    """
    for _ in iter_route_contexts(_api().routes):
        pass


def create_app(deps: WebDependencies) -> FastAPI:
    """The ASGI application over these dependencies; it starts and ends its own task with the server's lifespan."""
    desktops = Desktops(deps.desk, deps.desktop_grace)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        await asyncio.to_thread(work_out_routes)
        reporter = asyncio.create_task(desktops.run(), name="desktop reports")
        try:
            yield
        finally:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter

    app = FastAPI(
        title=_TITLE,
        version=_version(),
        description=_ABOUT,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=_api().routes,
    )
    measures = WebMeasures(deps.metrics)
    live_connections: set[LiveConnection] = set()
    app.state.dependencies = deps
    app.state.desktops = desktops
    app.state.measures = measures
    app.state.live_connections = live_connections
    app.state.page_files = PageFiles(deps.ui_directory)
    add_problem_handlers(app)

    # The pages take every other path, so they come last.
    app.include_router(pages.router)

    # The last added is the outermost.
    # The innermost: nothing that was said before it is a number.
    app.add_middleware(NumberMask)
    app.add_middleware(Unchanged)
    app.add_middleware(RequestLimits)
    app.add_middleware(OriginCheck, trusted=deps.trusted_origins)
    websocket_url = None if deps.browser_phone is None else deps.browser_phone.websocket_url
    app.add_middleware(SecurityHeaders, page_policy=page_policy(websocket_url))
    app.add_middleware(RequestLog, measures=measures, new_request_id=deps.new_request_id)
    return app


@functools.cache
def _api() -> APIRouter:
    """The routes of all parts, the same for every application: what is behind them comes with each request."""
    router = APIRouter()
    for part in _PARTS:
        router.include_router(part.router)
    return router


def _version() -> str:
    try:
        return version("callcenter")
    except PackageNotFoundError:
        # Run from a checkout that was never installed.
        return "0"
