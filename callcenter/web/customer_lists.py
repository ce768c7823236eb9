"""What the business adds to customers and cases: its own fields, reasons of complaints, remedies, service targets."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Path
from pydantic import Field
from starlette.responses import Response

from callcenter.app.permissions import Action
from callcenter.crm.custom_fields import CustomField, CustomKind
from callcenter.domain.cases import CaseCode, CaseKind, CasePriority, CodeList, ServiceTarget
from callcenter.domain.ids import AgentId
from callcenter.domain.labels import Label
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Body, BodyId, Name, Short

router = api_router()

MOST_CHOICES = 200
LONGEST_TARGET_SECONDS = 366 * 24 * 3600
_READ = [Depends(Require(Action.READ_CUSTOMER_LISTS))]
Administrator = Annotated[Principal, Depends(Require(Action.WRITE_CUSTOMER_LISTS))]
PathCode = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


class LabelBody(Body):
    """One text in Chinese and in English."""

    zh: Name
    en: Name


class CustomFieldBody(Body):
    """A field of the business."""

    label: LabelBody
    kind: CustomKind
    choices: Annotated[tuple[Annotated[Short, Field(min_length=1)], ...], Field(max_length=MOST_CHOICES)] = ()
    retired: bool = False


class CaseCodeBody(Body):
    """An entry of a list."""

    label: LabelBody
    retired: bool = False


class ServiceTargetBody(Body):
    """Within what time, and who gets it then."""

    due_within_seconds: Annotated[int, Field(ge=60, le=LONGEST_TARGET_SECONDS)]
    escalate_to: BodyId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFieldList:
    """The business's own fields, in its order."""

    items: tuple[CustomField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCodeList:
    """A list, in its order."""

    items: tuple[CaseCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTargetView:
    """A target as the API shows it."""

    kind: CaseKind
    priority: CasePriority
    due_within_seconds: float
    escalate_to: AgentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTargetList:
    """All pairs of kind and priority."""

    items: tuple[ServiceTargetView, ...]


@router.get("/custom-fields", response_model=CustomFieldList, dependencies=_READ)
async def list_custom_fields(deps: Deps) -> Response:
    """The business's own fields of customers, retired ones too."""
    return document(CustomFieldList(items=await deps.relations.book.custom_fields()))


@router.put("/custom-fields/{field_id}", response_model=CustomField)
async def put_custom_field(field_id: PathCode, body: CustomFieldBody, principal: Administrator, deps: Deps) -> Response:
    """Make or change a field; what it holds cannot be changed."""
    definition = CustomField(
        field_id=field_id,
        label=Label(zh=body.label.zh, en=body.label.en),
        kind=body.kind,
        choices=body.choices,
        retired=body.retired,
    )
    made = await deps.relations.book.put_custom_field(definition, at=deps.clock.now(), by=principal.user.name)
    return document(made)


@router.get("/complaint-reasons", response_model=CaseCodeList, dependencies=_READ)
async def list_complaint_reasons(deps: Deps) -> Response:
    """Why customers complain, retired reasons too."""
    return document(CaseCodeList(items=await deps.relations.lists.codes(CodeList.COMPLAINT_REASONS)))


@router.get("/remedies", response_model=CaseCodeList, dependencies=_READ)
async def list_remedies(deps: Deps) -> Response:
    """What is done about complaints, retired remedies too."""
    return document(CaseCodeList(items=await deps.relations.lists.codes(CodeList.REMEDIES)))


@router.put("/complaint-reasons/{code}", response_model=CaseCode)
async def put_complaint_reason(code: PathCode, body: CaseCodeBody, principal: Administrator, deps: Deps) -> Response:
    """Add a reason at the end, or change it; a retired one is given to no other case."""
    return await _put_code(CodeList.COMPLAINT_REASONS, code, body, principal, deps)


@router.put("/remedies/{code}", response_model=CaseCode)
async def put_remedy(code: PathCode, body: CaseCodeBody, principal: Administrator, deps: Deps) -> Response:
    """Add a remedy at the end, or change it; a retired one is given to no other case."""
    return await _put_code(CodeList.REMEDIES, code, body, principal, deps)


@router.get("/service-targets", response_model=ServiceTargetList, dependencies=_READ)
async def list_service_targets(deps: Deps) -> Response:
    """Within what time cases are to be resolved, by kind and priority."""
    targets = await deps.relations.lists.targets()
    return document(ServiceTargetList(items=tuple(_view(target) for target in targets.values())))


@router.put("/service-targets/{kind}/{priority}", response_model=ServiceTargetView)
async def put_service_target(
    kind: CaseKind, priority: CasePriority, body: ServiceTargetBody, principal: Administrator, deps: Deps
) -> Response:
    """Set a target for cases from now on."""
    target = ServiceTarget(
        kind=kind,
        priority=priority,
        due_within=timedelta(seconds=body.due_within_seconds),
        escalate_to=None if body.escalate_to is None else AgentId(body.escalate_to),
    )
    await deps.relations.lists.put_target(target, at=deps.clock.now(), by=principal.user.name)
    return document(_view(target))


async def _put_code(of: CodeList, code: str, body: CaseCodeBody, principal: Principal, deps: Deps) -> Response:
    entry = CaseCode(code=code, label=Label(zh=body.label.zh, en=body.label.en), retired=body.retired)
    await deps.relations.lists.put_code(of, entry, at=deps.clock.now(), by=principal.user.name)
    return document(entry)


def _view(target: ServiceTarget) -> ServiceTargetView:
    return ServiceTargetView(
        kind=target.kind,
        priority=target.priority,
        due_within_seconds=target.due_within.total_seconds(),
        escalate_to=target.escalate_to,
    )
