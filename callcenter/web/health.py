"""Whether the process lives, whether it can serve calls, and its figures; nothing personal in any of them."""

import asyncio
from collections.abc import Mapping

import structlog
from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.web.access import Open
from callcenter.web.dependencies import Check, Deps, WebDependencies
from callcenter.web.documents import document

log = structlog.get_logger(__name__)

CHECK_TIME_LIMIT_SECONDS = 3.0

router = APIRouter(dependencies=[Depends(Open(Action.READ_HEALTH))], include_in_schema=False)


@router.get("/healthz")
async def process_lives() -> Response:
    """200 as long as the process answers."""
    return document({"status": "alive"})


@router.get("/readyz")
async def can_serve(deps: Deps) -> Response:
    """200 when calls can be served, else 503; each check by name."""
    checks = await _checks(deps)
    ready = all(check.ok for check in checks.values())
    return document({"ready": ready, "checks": checks}, 200 if ready else 503)


@router.get("/metrics")
async def figures(deps: Deps) -> Response:
    """Prometheus text."""
    return Response(generate_latest(deps.metrics), media_type=CONTENT_TYPE_LATEST)


async def _checks(deps: WebDependencies) -> Mapping[str, Check]:
    try:
        async with asyncio.timeout(CHECK_TIME_LIMIT_SECONDS):
            return await deps.health.checks()
    except TimeoutError:
        return {"checks": Check(ok=False, detail=f"did not finish within {CHECK_TIME_LIMIT_SECONDS:.0f} s")}
    except Exception:
        # A check that breaks is a check that fails: the answer is 503, the log says why.
        log.exception("readiness_check_failed")
        return {"checks": Check(ok=False, detail="a check failed unexpectedly; the log says more")}
