"""The flows of the IVR over REST: pictures with counts, checks and trials, and publishing with its history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, Field, StringConstraints
from starlette.responses import Response

from callcenter.app.flow_texts import NOTE_MAX_CHARACTERS, TEXT_MAX_CHARACTERS, Publication
from callcenter.app.flow_trial import MOST_KEYS, MOST_STEPS, Trial, TrialStep
from callcenter.app.flow_views import (
    CheckView,
    Conversation,
    DifferentLine,
    FlowDocument,
    FlowList,
    FlowRow,
    PublicationView,
)
from callcenter.app.permissions import Action
from callcenter.domain.errors import InvalidValue
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document, no_content
from callcenter.web.routing import api_router
from callcenter.web.text import Body, Moment

router = api_router()

SVG = "image/svg+xml"
MOST_VERSIONS = 200
HIGHEST_VERSION = 1_000_000_000

Reader = Annotated[Principal, Depends(Require(Action.READ_FLOWS))]
Writer = Annotated[Principal, Depends(Require(Action.WRITE_FLOWS))]
reading = [Depends(Require(Action.READ_FLOWS))]

FlowName = Annotated[str, Path(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_.]*$")]
Spoken = Literal["zh", "en"]
Theme = Literal["light", "dark"]
Number = Annotated[int, Field(ge=0, le=HIGHEST_VERSION)]


def _sound_text(text: str) -> str:
    if any(0xD800 <= ord(sign) < 0xE000 for sign in text):
        raise ValueError("must not contain half characters (lone surrogates)")
    # What an editor of another system makes of line ends is not another text.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _sound_line(text: str) -> str:
    if any(ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
        raise ValueError("must be one line")
    return text


FlowSource = Annotated[str, StringConstraints(max_length=TEXT_MAX_CHARACTERS), AfterValidator(_sound_text)]
Note = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=NOTE_MAX_CHARACTERS), AfterValidator(_sound_line)
]


class CheckBody(Body):
    """A text to be checked, and how its picture is to be drawn."""

    text: FlowSource
    language: Spoken = "en"
    theme: Theme = "light"


class StepBody(Body):
    """One thing the caller does."""

    did: Literal["presses", "silent", "hangs_up"]
    keys: Annotated[str, StringConstraints(max_length=MOST_KEYS, pattern=r"^[0-9*#]*$")] = ""


class TrialBody(Body):
    """A text to be tried, and everything the caller has done so far; without a moment it is now."""

    text: FlowSource
    language: Spoken | None = None
    at: Moment | None = None
    steps: Annotated[tuple[StepBody, ...], Field(max_length=MOST_STEPS)] = ()


class PublishBody(Body):
    """A text to be published over the version that was read."""

    text: FlowSource
    note: Note = ""
    based_on: Number


class RestoreBody(Body):
    """An old version to be published again."""

    version: Annotated[int, Field(ge=1, le=HIGHEST_VERSION)]
    note: Note = ""
    based_on: Number


class CompareBody(Body):
    """A text to be compared with the one that counts."""

    text: FlowSource


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationList:
    """Lines of a history, the newest first."""

    items: tuple[PublicationView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The lines in which two texts differ."""

    lines: tuple[DifferentLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedText:
    """One version with its text."""

    version: int
    by: str
    at: datetime
    note: str
    retracted: bool
    text: str


@router.get("/flows", response_model=FlowList, dependencies=reading)
async def list_flows(deps: Deps) -> Response:
    """Every flow and the announcements of queues."""
    return document(await deps.flows.overview())


@router.get("/flows/{name}", response_model=FlowDocument, dependencies=reading)
async def read_flow(name: FlowName, deps: Deps) -> Response:
    """One of them with the text that counts."""
    return document(await deps.flows.read(name))


@router.get(
    "/flows/{name}/picture",
    dependencies=reading,
    response_class=Response,
    responses={200: {"content": {SVG: {}}, "description": "the picture"}},
)
async def read_picture(
    name: FlowName, deps: Deps, language: Spoken = "en", theme: Theme = "light", counts: bool = True
) -> Response:
    """The flow in force as a picture, with how many callers took each way today."""
    picture = await deps.flows.picture(name, language=language, counted=counts, dark=theme == "dark")
    return Response(picture, media_type=SVG)


@router.post("/flows/{name}/check", response_model=CheckView, dependencies=reading)
async def check_flow(name: FlowName, body: CheckBody, deps: Deps) -> Response:
    """What is wrong with a text, together with everything else in force; its picture when nothing is."""
    return document(await deps.flows.check(name, body.text, language=body.language, dark=body.theme == "dark"))


@router.post("/flows/{name}/try", response_model=Conversation, dependencies=reading)
async def try_flow(name: FlowName, body: TrialBody, deps: Deps) -> Response:
    """A call through a text, from its beginning through all that the caller did."""
    steps = [TrialStep(did=step.did, keys=step.keys) for step in body.steps]
    if any((step.did == "presses") != bool(step.keys) for step in steps):
        raise InvalidValue("keys go with 'presses', and with nothing else", code="keys_not_fitting")
    trial = Trial(language=body.language, at=body.at or deps.clock.now(), steps=steps)
    return document(await deps.flows.attempt(name, body.text, trial))


@router.post("/flows/{name}/compare", response_model=Comparison, dependencies=reading)
async def compare_text(name: FlowName, body: CompareBody, deps: Deps) -> Response:
    """The lines in which a text differs from the one that counts."""
    return document(Comparison(lines=await deps.flows.compare_with(name, body.text)))


@router.get("/flows/{name}/differences", response_model=Comparison, dependencies=reading)
async def read_differences(
    name: FlowName,
    deps: Deps,
    before: Annotated[str, Query(pattern=r"^(file|[1-9][0-9]{0,8})?$")] = "",
    after: Annotated[str, Query(pattern=r"^(file|[1-9][0-9]{0,8})?$")] = "",
) -> Response:
    """The lines in which two versions differ; one that is not named is the text that counts."""
    return document(Comparison(lines=await deps.flows.compare(name, before, after)))


@router.get("/flows/{name}/versions", response_model=PublicationList, dependencies=reading)
async def list_versions(
    name: FlowName,
    deps: Deps,
    limit: Annotated[int, Query(ge=1, le=MOST_VERSIONS)] = 50,
    before: Annotated[int | None, Query(ge=1, le=HIGHEST_VERSION)] = None,
) -> Response:
    """What was published under this name, the newest first."""
    return document(PublicationList(items=await deps.flows.history(name, limit=limit, before=before)))


@router.post("/flows/{name}/versions", response_model=FlowRow, status_code=201)
async def publish(name: FlowName, body: PublishBody, principal: Writer, deps: Deps) -> Response:
    """Let a text take the place of the one that counts."""
    row = await deps.flows.publish(name, body.text, by=principal.user.name, note=body.note, based_on=body.based_on)
    return document(row, status=201)


@router.get("/flows/{name}/versions/{version}", response_model=PublishedText, dependencies=reading)
async def read_version(name: FlowName, version: Annotated[int, Path(ge=1, le=HIGHEST_VERSION)], deps: Deps) -> Response:
    """One version with its text."""
    return document(_published(await deps.flows.version(name, version)))


@router.post("/flows/{name}/restore", response_model=FlowRow, status_code=201)
async def restore(name: FlowName, body: RestoreBody, principal: Writer, deps: Deps) -> Response:
    """Publish an old version again."""
    row = await deps.flows.restore(name, body.version, by=principal.user.name, note=body.note, based_on=body.based_on)
    return no_content() if row is None else document(row, status=201)


@router.delete(
    "/flows/{name}/published",
    response_model=FlowRow,
    responses={204: {"description": "done, and there is no file of it: the flow is gone"}},
)
async def retract(
    name: FlowName,
    principal: Writer,
    deps: Deps,
    based_on: Annotated[int, Query(ge=1, le=HIGHEST_VERSION)],
    note: Annotated[Note, Query()] = "",
) -> Response:
    """Take back what is published: the file counts again, or the flow is gone."""
    row = await deps.flows.retract(name, by=principal.user.name, note=note, based_on=based_on)
    return no_content() if row is None else document(row)


def _published(one: Publication) -> PublishedText:
    return PublishedText(
        version=one.version, by=one.by, at=one.at, note=one.note, retracted=one.retracted, text=one.text
    )
