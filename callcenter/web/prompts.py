"""The prompts: what they say, how they sound, and the recordings that take the place of the synthesised voice."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import Field, StringConstraints
from starlette.responses import FileResponse, Response

from callcenter.app.permissions import Action
from callcenter.app.prompt_book import PromptKey, PromptList, PromptView, Recording
from callcenter.ivr.prompts import PROMPT_MAX_CHARACTERS
from callcenter.web.access import Principal, Require
from callcenter.web.dependencies import Deps
from callcenter.web.documents import document
from callcenter.web.routing import api_router
from callcenter.web.text import Body

router = api_router()

_READ = [Depends(Require(Action.READ_PROMPTS))]

_ANY_SOUND = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
}
Writer = Annotated[Principal, Depends(Require(Action.WRITE_PROMPTS))]
Reader = Annotated[Principal, Depends(Require(Action.READ_PROMPTS))]
PathName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Voice = Annotated[Literal["zh", "en"], Path()]
PathVersion = Annotated[int, Path(ge=1, le=999_999)]


class _Sound(FileResponse):
    """8 kHz, 16 bit, mono; Range is understood."""

    media_type = "audio/wav"


class PreviewBody(Body):
    """A text to be heard, with the variables of prompts in it if need be."""

    language: Literal["zh", "en"]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=PROMPT_MAX_CHARACTERS)]


class RestoreBody(Body):
    """Which recording is to be used again."""

    version: Annotated[int, Field(ge=1, le=999_999)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingList:
    """All changes of one prompt's recording, newest first."""

    items: tuple[Recording, ...]


@router.get("/prompts", response_model=PromptList, dependencies=_READ)
async def list_prompts(deps: Deps) -> Response:
    """Every prompt of every flow and of the queues, with its texts and where its sound comes from."""
    return document(await deps.prompts.prompts())


@router.post("/prompts/preview", response_class=_Sound)
async def preview(body: PreviewBody, principal: Reader, deps: Deps) -> Response:
    """A text as the synthesised voice speaks it."""
    return _sound(str(await deps.prompts.preview(body.text, body.language, by=principal.user.name)))


@router.get("/prompts/{prompt_set}/{prompt}/{voice}/audio", response_class=_Sound, dependencies=_READ)
async def read_audio(
    prompt_set: PathName,
    prompt: PathName,
    voice: Voice,
    deps: Deps,
    of: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What callers hear; with example values in the place of variables.

    `of` changes nothing: whoever shows sounds gives each recording an address of its own by it.
    """
    return _sound(str(await deps.prompts.audio(_key(prompt_set, prompt, voice))))


@router.put("/prompts/{prompt_set}/{prompt}/{voice}/recording", response_model=PromptView, openapi_extra=_ANY_SOUND)
async def put_recording(
    prompt_set: PathName, prompt: PathName, voice: Voice, request: Request, principal: Writer, deps: Deps
) -> Response:
    """Use a recording from the next call on; the body is the sound file, whatever it is called."""
    key = _key(prompt_set, prompt, voice)
    return document(await deps.prompts.record(key, request.stream(), by=principal.user.name))


@router.delete("/prompts/{prompt_set}/{prompt}/{voice}/recording", response_model=PromptView)
async def remove_recording(
    prompt_set: PathName, prompt: PathName, voice: Voice, principal: Writer, deps: Deps
) -> Response:
    """Back to the synthesised voice; the recording stays in the history."""
    return document(await deps.prompts.remove(_key(prompt_set, prompt, voice), by=principal.user.name))


@router.post("/prompts/{prompt_set}/{prompt}/{voice}/recording/restore", response_model=PromptView)
async def restore_recording(
    prompt_set: PathName, prompt: PathName, voice: Voice, body: RestoreBody, principal: Writer, deps: Deps
) -> Response:
    """Use an earlier recording again."""
    key = _key(prompt_set, prompt, voice)
    return document(await deps.prompts.restore(key, body.version, by=principal.user.name))


@router.get(
    "/prompts/{prompt_set}/{prompt}/{voice}/recording/history", response_model=RecordingList, dependencies=_READ
)
async def read_history(prompt_set: PathName, prompt: PathName, voice: Voice, deps: Deps) -> Response:
    """Who recorded, removed and restored it, and when."""
    return document(RecordingList(items=await deps.prompts.history(_key(prompt_set, prompt, voice))))


@router.get(
    "/prompts/{prompt_set}/{prompt}/{voice}/recording/history/{version}/audio",
    response_class=_Sound,
    dependencies=_READ,
)
async def read_version(
    prompt_set: PathName, prompt: PathName, voice: Voice, version: PathVersion, deps: Deps
) -> Response:
    """An earlier recording."""
    return _sound(str(await deps.prompts.version_file(_key(prompt_set, prompt, voice), version)))


def _key(prompt_set: str, prompt: str, voice: str) -> PromptKey:
    return PromptKey(prompt_set=prompt_set, prompt=prompt, language=voice)


def _sound(path: str) -> Response:
    return _Sound(path, media_type=_Sound.media_type, content_disposition_type="inline")
