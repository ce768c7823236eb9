"""How the user wants his board: thresholds and hidden queues, kept on the server, so that they follow him."""

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from callcenter.app.board_wishes import EVERY_QUEUE, BoardWishes, Thresholds
from callcenter.app.permissions import Action
from callcenter.domain.errors import InvalidValue
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.etags import IfMatch, changed, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId

router = api_router()

MOST_QUEUES = 1_000
Waiting = Annotated[int, Field(ge=0, le=10_000)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Percent = Annotated[int, Field(ge=0, le=100)]


class ThresholdsBody(Body):
    """From when on a figure of a queue is coloured; null: as the queue's own promise suggests."""

    waiting_warn: Waiting | None = None
    waiting_bad: Waiting | None = None
    longest_warn_seconds: Seconds | None = None
    longest_bad_seconds: Seconds | None = None
    service_level_warn: Percent | None = None
    service_level_bad: Percent | None = None


class WishesBody(Body):
    """How one wants the board; under `*` stands what holds for queues without an entry."""

    queues: Annotated[dict[BodyId, ThresholdsBody], Field(max_length=MOST_QUEUES, default_factory=dict)]
    hidden: Annotated[tuple[BodyId, ...], Field(max_length=MOST_QUEUES)] = ()


@router.get("/preferences/board", response_model=BoardWishes)
async def read_wishes(
    principal: Annotated[Principal, Depends(Require(Action.READ_PREFERENCES))], deps: Deps
) -> Response:
    """What the user set; version 0 where he never did."""
    wishes = await deps.wishes.wishes(principal.user.user_id)
    return versioned(wishes, wishes.version)


@router.put("/preferences/board", response_model=BoardWishes)
async def keep_wishes(
    body: WishesBody,
    principal: Annotated[Principal, Depends(Require(Action.WRITE_PREFERENCES))],
    deps: Deps,
    if_match: IfMatch = None,
) -> Response:
    """Set all of them; with If-Match only over the version it names."""
    user_id = principal.user.user_id
    queues = {name: _thresholds(name, entry) for name, entry in body.queues.items()}
    wanted = BoardWishes(queues=queues, hidden=body.hidden)
    expected = expected_version(if_match)

    async def attempt() -> BoardWishes:
        version = (await deps.wishes.wishes(user_id)).version if expected is None else expected
        return await deps.wishes.keep(user_id, wanted, at=deps.clock.now(), expected=version)

    kept = await changed(expected, attempt)
    return versioned(kept, kept.version)


def _thresholds(name: str, body: ThresholdsBody) -> Thresholds:
    of = "all queues" if name == EVERY_QUEUE else f"queue {name}"
    for what, warn, bad in (
        ("waiting", body.waiting_warn, body.waiting_bad),
        ("longest", body.longest_warn_seconds, body.longest_bad_seconds),
    ):
        if warn is not None and bad is not None and bad < warn:
            raise InvalidValue(f"{of}: {what} cannot be bad ({bad}) before it is of concern ({warn})", code="bad_order")
    warn, bad = body.service_level_warn, body.service_level_bad
    if warn is not None and bad is not None and bad > warn:
        raise InvalidValue(
            f"{of}: the service level cannot be bad ({bad} %) before it is of concern ({warn} %)", code="bad_order"
        )
    return Thresholds(
        waiting_warn=body.waiting_warn,
        waiting_bad=body.waiting_bad,
        longest_warn_seconds=body.longest_warn_seconds,
        longest_bad_seconds=body.longest_bad_seconds,
        service_level_warn=body.service_level_warn,
        service_level_bad=body.service_level_bad,
    )
