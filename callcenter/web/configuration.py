"""What the business sets over REST: every item as a document, the whole as YAML, versions and their undoing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import Depends, Header, Path, Query
from pydantic import Field, JsonValue, StringConstraints
from starlette.responses import Response

from callcenter.app.alerts import AlertSight
from callcenter.app.business import Change, ChangeKind, ConfigurationVersion, Part
from callcenter.app.business_book import Applied, Item
from callcenter.app.business_file import FILE_MAX_CHARACTERS
from callcenter.app.business_form import Form, forms
from callcenter.app.business_form_fields import Choice, FieldKind, Group
from callcenter.app.business_preview import Question, QueuePreview, drafted_alert
from callcenter.app.business_tables import FieldChange, Value
from callcenter.app.flow_views import DifferentLine
from callcenter.app.permissions import Action
from callcenter.domain.ids import QueueId
from callcenter.domain.skills import HIGHEST_LEVEL, LOWEST_LEVEL
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.etags import IfMatch, expected_tag, expected_version
from callcenter.web.flows import FlowSource, Note
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Code, Moment

router = api_router()

MOST_VERSIONS = 200
HIGHEST_VERSION = 1_000_000_000
MOST_ORDERED = 1_000
LONGEST_WAIT_SECONDS = 86_400

reading = [Depends(Require(Action.READ_CONFIGURATION))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_CONFIGURATION))]
ItemId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[!-.0-~]+$")]
Version = Annotated[int, Path(ge=1, le=HIGHEST_VERSION)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", pattern=r"^\*$")]
NoteQuery = Annotated[Note, Query()]
DryRun = Annotated[bool, Query()]
Document = dict[str, JsonValue]


class OrderBody(Body):
    """The ids in their new order."""

    order: Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=MOST_ORDERED)]


class WholeBody(Body):
    """A whole file."""

    text: Annotated[FlowSource, StringConstraints(max_length=FILE_MAX_CHARACTERS)]
    remove_missing: bool = False
    note: Note = ""


class NoteBody(Body):
    """Why."""

    note: Note = ""


class PreviewBody(Body):
    """A caller who is imagined; with `document` the queue is taken as that would have it."""

    document: Document | None = None
    at: Moment | None = None
    language: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z0-9-]*$")] = ""
    customer_class: Annotated[str, StringConstraints(max_length=64)] = ""
    open_complaint: bool = False
    skills: Annotated[dict[Code, Annotated[int, Field(ge=LOWEST_LEVEL, le=HIGHEST_LEVEL)]], Field(max_length=50)] = (
        Field(default_factory=dict)
    )
    waited_seconds: Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS)] = 0


class AlertPreviewBody(Body):
    """A rule as a form has it."""

    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPreview:
    """The rule with what is usual filled in, and what it sees, the worst first."""

    threshold: int
    margin: int
    for_seconds: float
    items: tuple[AlertSight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationItem:
    """One item; `etag` goes into If-Match of whoever changes it."""

    item_id: str
    document: Document
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationItems:
    """All items of a part, in their order, at a version of the whole."""

    version: int
    items: tuple[ConfigurationItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChange:
    """What became of one item; of `ordered` the whole part's order."""

    kind: ChangeKind
    part: Part
    item: str
    fields: tuple[FieldChange, ...]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationApplied:
    """What a change did; of a dry run what it would do."""

    version: int
    changes: tuple[ConfigurationChange, ...]
    warnings: tuple[str, ...]
    item: ConfigurationItem | None
    exchange_by_hand: bool
    """Whether the exchange's files must be written anew by hand: accounts of phones, or queues, have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationVersionView:
    """One version; of the oldest ones it is not known what they changed."""

    version: int
    at: datetime
    by: str
    note: str
    changes: tuple[ConfigurationChange, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationVersions:
    """Versions, the newest first."""

    items: tuple[ConfigurationVersionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationText:
    """A version, or what counts now, with the whole of it as YAML."""

    version: int
    at: datetime | None
    by: str
    note: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationDifferences:
    """The lines in which two texts differ."""

    lines: tuple[DifferentLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field: what it holds, its bounds, what counts where it is left out, and words that explain it."""

    name: str
    kind: FieldKind
    group: str
    label: Mapping[str, str]
    help: Mapping[str, str]
    needed: bool
    low: int | None
    high: int | None
    usual: JsonValue
    choices: tuple[Choice, ...]
    governed_by: str
    """A choice of the same form; empty: the field always means something."""
    governing: tuple[str, ...]
    """With which values of that choice it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationForm:
    """How the items of one part are shown and asked for."""

    part: Part
    groups: tuple[Group, ...]
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationForms:
    """What every field of every part means."""

    items: tuple[ConfigurationForm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChoice:
    """A prompt that queues may say, and its words."""

    name: str
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChoices:
    """What fields may name that is not set here."""

    flows: tuple[str, ...]
    """Those that numbers may lead to."""
    all_flows: tuple[str, ...]
    prompts: tuple[PromptChoice, ...]
    timezones: tuple[str, ...]


@router.get("/configuration/forms", response_model=ConfigurationForms, dependencies=reading)
async def read_forms() -> Response:
    """What every field means: kind, bounds, usual value, and words in both languages."""
    return document(ConfigurationForms(items=tuple(map(_form, forms().values()))))


@router.get("/configuration/choices", response_model=ConfigurationChoices, dependencies=reading)
async def read_choices(deps: Deps) -> Response:
    """The flows, prompts and time zones that there are."""
    lines = deps.business.lines()
    prompts = lines.waiting_prompts
    texts = prompts.prompts.texts
    return document(
        ConfigurationChoices(
            flows=tuple(sorted(name for name, flow in lines.flows.items() if not flow.returns)),
            all_flows=tuple(sorted(lines.flows)),
            prompts=tuple(
                PromptChoice(name=name, text={language: said.text for language, said in texts[name].items()})
                for name in prompts.sayable
            ),
            timezones=tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC")),
        )
    )


@router.get("/configuration/text", response_model=ConfigurationText, dependencies=reading)
async def read_text(deps: Deps) -> Response:
    """The whole as YAML."""
    version, text = await deps.business.book.text()
    answer = document(ConfigurationText(version=version, at=None, by="", note="", text=text))
    answer.headers["ETag"] = f'"{version}"'
    return answer


@router.put("/configuration/text", response_model=ConfigurationApplied)
async def apply_text(body: WholeBody, principal: Writer, deps: Deps, if_match: IfMatch = None) -> Response:
    """Apply a whole file, or nothing of it."""
    applied = await deps.business.book.apply(
        body.text,
        by=principal.user.name,
        note=body.note,
        remove_missing=body.remove_missing,
        based_on=expected_version(if_match),
    )
    return document(_applied(applied, deps))


@router.post("/configuration/text/check", response_model=ConfigurationApplied, dependencies=reading)
async def check_text(body: WholeBody, deps: Deps) -> Response:
    """What applying a whole file would change; nothing is written."""
    applied = await deps.business.book.apply(
        body.text, by="", remove_missing=body.remove_missing, based_on=None, dry_run=True
    )
    return document(_applied(applied, deps))


@router.post("/configuration/text/compare", response_model=ConfigurationDifferences, dependencies=reading)
async def compare_text(body: WholeBody, deps: Deps) -> Response:
    """The lines in which a file differs from what counts."""
    return document(ConfigurationDifferences(lines=await deps.business.book.compare(body.text)))


@router.get("/configuration/versions", response_model=ConfigurationVersions, dependencies=reading)
async def list_versions(
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=MOST_VERSIONS)] = 50,
    before: Annotated[int | None, Query(ge=1, le=HIGHEST_VERSION)] = None,
) -> Response:
    """What was changed, by whom and when, the newest first."""
    found = await deps.business.book.versions(limit=limit, before=before)
    return document(ConfigurationVersions(items=tuple(map(_version, found))))


@router.get("/configuration/versions/{version}", response_model=ConfigurationText, dependencies=reading)
async def read_version(version: Version, deps: Deps) -> Response:
    """One version, whole."""
    one = await deps.business.book.version(version)
    return document(ConfigurationText(version=one.version, at=one.at, by=one.by, note=one.note, text=one.text))


@router.get(
    "/configuration/versions/{version}/differences", response_model=ConfigurationDifferences, dependencies=reading
)
async def read_differences(
    version: Version, deps: Deps, other: Annotated[int | None, Query(ge=1, le=HIGHEST_VERSION)] = None
) -> Response:
    """The lines in which a version differs from another one, or from the one before it."""
    return document(ConfigurationDifferences(lines=await deps.business.book.differences(version, other)))


@router.post("/configuration/versions/{version}/undo", response_model=ConfigurationApplied)
async def undo_version(version: Version, body: NoteBody, principal: Writer, deps: Deps) -> Response:
    """Take back what one version changed, as a new version; 412 where any of it has been changed since."""
    return document(_applied(await deps.business.book.undo(version, by=principal.user.name, note=body.note), deps))


@router.post("/configuration/versions/{version}/restore", response_model=ConfigurationApplied)
async def restore_version(
    version: Version, body: NoteBody, principal: Writer, deps: Deps, if_match: IfMatch = None
) -> Response:
    """Make everything as it was in a version, as a new version."""
    applied = await deps.business.book.restore(
        version, by=principal.user.name, note=body.note, based_on=expected_version(if_match)
    )
    return document(_applied(applied, deps))


@router.post("/configuration/queues/{queue_id}/preview", response_model=QueuePreview, dependencies=reading)
async def preview_queue(queue_id: ItemId, body: PreviewBody, deps: Deps) -> Response:
    """Who would serve a caller now, in order, and why the others would not."""
    question = Question(
        at=body.at,
        language=body.language,
        customer_class=body.customer_class,
        open_complaint=body.open_complaint,
        skills=body.skills,
        waited=timedelta(seconds=body.waited_seconds),
    )
    return document(await deps.business.preview.who_would_serve(QueueId(queue_id), question, body.document))


@router.post("/configuration/alerts/{alert_id}/preview", response_model=AlertPreview, dependencies=reading)
async def preview_alert(alert_id: ItemId, body: AlertPreviewBody, deps: Deps) -> Response:
    """What a rule of alerts sees now, and of what it would be raised; nothing is raised by it."""
    rule = drafted_alert(alert_id, body.document)
    return document(
        AlertPreview(
            threshold=rule.threshold,
            margin=rule.margin,
            for_seconds=rule.hold.total_seconds(),
            items=await deps.alerts.look(rule),
        )
    )


@router.put("/configuration/{part}/order", response_model=ConfigurationApplied)
async def put_order(part: Part, body: OrderBody, principal: Writer, deps: Deps) -> Response:
    """Offer the reasons or the dispositions in this order."""
    return document(_applied(await deps.business.book.order(part, body.order, by=principal.user.name), deps))


@router.get("/configuration/{part}", response_model=ConfigurationItems, dependencies=reading)
async def list_items(part: Part, deps: Deps) -> Response:
    """Every item of a part."""
    found = await deps.business.book.items(part)
    return document(ConfigurationItems(version=found.version, items=tuple(map(_item, found.items))))


@router.get("/configuration/{part}/items/{item}", response_model=ConfigurationItem, dependencies=reading)
async def read_item(part: Part, item: ItemId, deps: Deps) -> Response:
    """One item."""
    found = await deps.business.book.item(part, item)
    answer = document(_item(found))
    answer.headers["ETag"] = f'"{found.tag}"'
    return answer


@router.put("/configuration/{part}/items/{item}", response_model=ConfigurationApplied)
async def put_item(
    part: Part,
    item: ItemId,
    body: Document,
    principal: Writer,
    deps: Deps,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    note: NoteQuery = "",
    dry_run: DryRun = False,
) -> Response:
    """Make or change an item; If-None-Match: * makes a new one only, If-Match changes what was read only."""
    applied = await deps.business.book.put_item(
        part,
        item,
        body,
        by=principal.user.name,
        note=note,
        tag=expected_tag(if_match),
        new=if_none_match is not None,
        dry_run=dry_run,
    )
    return document(_applied(applied, deps))


@router.delete("/configuration/{part}/items/{item}", response_model=ConfigurationApplied)
async def remove_item(
    part: Part,
    item: ItemId,
    principal: Writer,
    deps: Deps,
    if_match: IfMatch = None,
    note: NoteQuery = "",
    dry_run: DryRun = False,
) -> Response:
    """Take an item away; 409 for a queue with calls in it and an agent at work."""
    applied = await deps.business.book.remove_item(
        part, item, by=principal.user.name, note=note, tag=expected_tag(if_match), dry_run=dry_run
    )
    return document(_applied(applied, deps))


def _item(item: Item) -> ConfigurationItem:
    return ConfigurationItem(
        item_id=item.item_id,
        document={name: _json(value) for name, value in item.document.items()},
        etag=f'"{item.tag}"',
    )


def _form(form: Form) -> ConfigurationForm:
    fields = tuple(
        FormField(
            name=field.name,
            kind=field.kind,
            group=field.group,
            label=field.label,
            help=field.help,
            needed=field.needed,
            low=field.low,
            high=field.high,
            usual=_json(field.usual),
            choices=field.choices,
            governed_by=field.governed_by,
            governing=field.governing,
        )
        for field in form.fields
    )
    return ConfigurationForm(part=form.part, groups=form.groups, fields=fields)


def _json(value: Value | None) -> JsonValue:
    match value:
        case dict():
            return {name: _json(inner) for name, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
        case _:
            return value


def _change(change: Change) -> ConfigurationChange:
    return ConfigurationChange(
        kind=change.kind, part=change.part, item=change.item, fields=change.fields, order=change.order
    )


def _applied(applied: Applied, deps: Deps) -> ConfigurationApplied:
    return ConfigurationApplied(
        version=applied.version,
        changes=tuple(map(_change, applied.changes)),
        warnings=applied.warnings,
        item=None if applied.item is None else _item(applied.item),
        exchange_by_hand=deps.business.exchange_by_hand
        and any(change.part in (Part.QUEUES, Part.AGENTS) for change in applied.changes),
    )


def _version(one: ConfigurationVersion) -> ConfigurationVersionView:
    return ConfigurationVersionView(
        version=one.version,
        at=one.at,
        by=one.by,
        note=one.note,
        changes=None if one.changes is None else tuple(map(_change, one.changes)),
    )
