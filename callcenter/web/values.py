"""What customers are worth over REST: the runs that work it out, and the rules they go by."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.app.values import RulesVersion, RunKind, ValueRun
from callcenter.crm.lifecycle import LifecycleRules
from callcenter.crm.value_rules import ClassBasis, ValueRules
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, expected_version, versioned
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, PathId

router = api_router()

_READ = [Depends(Require(Action.READ_MANAGEMENT))]
Starter = Annotated[Principal, Depends(Require(Action.RUN_VALUES))]
RuleMaker = Annotated[Principal, Depends(Require(Action.WRITE_VALUE_RULES))]
Days = Annotated[int, Field(ge=0, le=36_500)]
Share = Annotated[float, Field(ge=0, le=1)]


class RunBody(Body):
    """Whether the models are learnt anew, or only those judged to whom something happened."""

    kind: RunKind = RunKind.WHOLE


class LifecycleBody(Body):
    """The thresholds of the life-cycle (docs/customer-value.md)."""

    new_days: Days = 90
    won_back_days: Days = 180
    loyal_purchases: Annotated[int, Field(ge=1, le=10_000)] = 4
    loyal_days: Days = 365
    first_interval_days: Days = 180
    shortest_interval_days: Days = 14
    at_risk_intervals: Annotated[float, Field(gt=0, le=1_000)] = 2.0
    lost_intervals: Annotated[float, Field(gt=0, le=1_000)] = 4.0
    at_risk_p_alive: Share = 0.5
    lost_p_alive: Share = 0.2
    shortest_silence_days: Days = 30


class RulesBody(Body):
    """All of the rules; what is left out is as usual."""

    class_basis: ClassBasis = ClassBasis.SPENT
    a_until: Share = 0.80
    b_until: Share = 0.95
    horizon_months: Annotated[int, Field(ge=1, le=240)] = 36
    yearly_discount: Annotated[float, Field(ge=0, le=10)] = 0.10
    margin: Annotated[float, Field(ge=-1, le=1)] = 0.30
    cost_per_minute: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    not_counted: Annotated[tuple[Code, ...], Field(max_length=20)] = ("cancelled",)
    lifecycle: LifecycleBody = LifecycleBody()


class UndoBody(Body):
    """Which version is to count again."""

    version: Annotated[int, Field(ge=0, le=2**31)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """The newest first."""

    items: tuple[ValueRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesHistory:
    """The newest first."""

    items: tuple[RulesVersion, ...]


@router.get("/value-runs", response_model=RunList, dependencies=_READ)
async def list_value_runs(deps: Deps, limit: Annotated[int, Query(ge=1, le=100)] = 10) -> Response:
    """What was worked out when, and how far it is."""
    return document(RunList(items=await deps.values.store.runs(limit=limit)))


@router.post("/value-runs", status_code=201, response_model=ValueRun)
async def start_value_run(body: RunBody, principal: Starter, deps: Deps) -> Response:
    """Let a run wait for its turn; one is done at a time, over all servers."""
    return document(await deps.values.start(body.kind, by=principal.user.name), 201)


@router.post("/value-runs/{run_id}/cancel", response_model=ValueRun)
async def cancel_value_run(run_id: PathId, principal: Starter, deps: Deps) -> Response:
    """End a run that waits or is under way; what it has written stays."""
    return document(await deps.values.cancel(run_id, by=principal.user.name))


@router.get("/value-rules", response_model=RulesVersion, dependencies=_READ)
async def read_value_rules(deps: Deps) -> Response:
    """The rules that count from the next run on."""
    found = await deps.values.store.rules()
    return versioned(found, found.version)


@router.put("/value-rules", response_model=RulesVersion)
async def set_value_rules(body: RulesBody, principal: RuleMaker, deps: Deps, if_match: IfMatch = None) -> Response:
    """Set all rules, of the version in If-Match if there is one."""
    given = body.model_dump(exclude={"lifecycle"})
    rules = ValueRules(**given, lifecycle=LifecycleRules(**body.lifecycle.model_dump()))
    expected = expected_version(if_match)
    if expected is None:
        expected = (await deps.values.store.rules()).version
    kept = await deps.values.set_rules(rules, expected=expected, by=principal.user.name)
    return versioned(kept, kept.version)


@router.get("/value-rules/history", response_model=RulesHistory, dependencies=_READ)
async def read_value_rules_history(deps: Deps) -> Response:
    """Who set what when."""
    return document(RulesHistory(items=await deps.values.store.rules_history(limit=100)))


@router.post("/value-rules/undo", response_model=RulesVersion)
async def undo_value_rules(body: UndoBody, principal: RuleMaker, deps: Deps, if_match: IfMatch = None) -> Response:
    """Let the rules of an earlier version count again, behind the version in If-Match if there is one."""
    expected = expected_version(if_match)
    kept = await deps.values.undo_rules(body.version, expected=expected, by=principal.user.name)
    return versioned(kept, kept.version)
