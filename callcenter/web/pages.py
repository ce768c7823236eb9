"""Serves the built web pages; every path that is no file is the one page, which finds its way by itself.

Law: a request's path is looked up among the names found in the directory, never joined to it. What is text is
compressed once for each build and kept: a page comes over a slow line too.
"""

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

from callcenter.app.permissions import Action
from callcenter.web.access import Open
from callcenter.web.dependencies import Deps

router = APIRouter(include_in_schema=False)

_INDEX = "index.html"
_NOT_PAGES = ("api/", "healthz/", "readyz/", "metrics/")
_KEPT_FOR_EVER = "public, max-age=31536000, immutable"

_COMPRESSED = (".html", ".js", ".css", ".svg", ".json", ".webmanifest")
_TOO_SMALL_BYTES = 1_024
_LARGEST_BYTES = 8_000_000

_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>callcenter: the pages are not built</title></head>
<body>
<h1>The web pages are not built yet</h1>
<p>The server works; its API is at <a href="/api/v1/openapi.json">/api/v1</a>.
To build the pages run, in the project:</p>
<pre>cd agent_ui
npm ci
npm run build</pre>
<p>and load this page again.</p>
<h1 lang="zh">网页尚未构建</h1>
<p lang="zh">服务器运行正常。请在项目目录中运行上面的命令，然后刷新本页。</p>
</body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A file as gzip, with the tag of its content."""

    body: bytes
    etag: str


class PageFiles:
    """The files of the built pages, by name; looked at again when the index is another one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index = directory / _INDEX
        self._built_at_ns: int | None = None
        self._files: dict[str, Path] = {}
        self._packed: dict[Path, Packed | None] = {}

    def find(self, name: str) -> Path | None:
        """The file of this name, else the index, else None."""
        try:
            built_at_ns = self._index.stat().st_mtime_ns
        except OSError:
            return None
        if built_at_ns != self._built_at_ns:
            self._files = {
                path.relative_to(self._directory).as_posix(): path
                for path in self._directory.rglob("*")
                if path.is_file() and not path.is_symlink()
            }
            self._packed = {}
            self._built_at_ns = built_at_ns
        return self._files.get(name, self._index)

    async def packed(self, path: Path) -> Packed | None:
        """The file compressed; None where that is not worth it. Those of one build are kept, a few megabytes."""
        if path.suffix not in _COMPRESSED:
            return None
        if path not in self._packed:
            kept = self._packed
            kept[path] = await asyncio.to_thread(_pack, path)
        return self._packed.get(path)


def _pack(path: Path) -> Packed | None:
    try:
        if not _TOO_SMALL_BYTES <= path.stat().st_size <= _LARGEST_BYTES:
            return None
        content = path.read_bytes()
    except OSError:
        # Built anew at this moment: it is served as it is, or found missing.
        return None
    body = gzip.compress(content, compresslevel=9, mtime=0)
    return Packed(body=body, etag=f'"{hashlib.sha256(content).hexdigest()[:32]}-gz"')


@router.api_route("/{name:path}", methods=["GET", "HEAD"], dependencies=[Depends(Open(Action.READ_PAGES))])
async def read_page(name: str, request: Request, deps: Deps) -> Response:
    """A file of the pages, or the page."""
    if name == "api" or name.startswith(_NOT_PAGES):
        raise HTTPException(404, detail="there is nothing at this address; see /api/v1/openapi.json")
    files: PageFiles = request.app.state.page_files
    path = files.find(name)
    if path is None:
        return HTMLResponse(_NOT_BUILT, status_code=503)
    if name.startswith("assets/") and path.name == _INDEX:
        # A missing script must not be answered with the page.
        raise HTTPException(404, detail="there is no such file; load the page again")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kept = _KEPT_FOR_EVER if name.startswith("assets/") else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    packed = await files.packed(path) if _takes_gzip(request) else None
    if packed is None:
        return FileResponse(path, media_type=media_type, headers=headers)
    headers |= {"Content-Encoding": "gzip", "ETag": packed.etag}
    if request.headers.get("if-none-match") == packed.etag:
        return Response(status_code=304, headers=headers)
    return Response(packed.body, media_type=media_type, headers=headers)


def _takes_gzip(request: Request) -> bool:
    """Whether the client names gzip and does not refuse it; ranges are of the file as it is."""
    if "range" in request.headers:
        return False
    for offer in request.headers.get("accept-encoding", "").split(","):
        name, _, quality = offer.partition(";")
        if name.strip().lower() == "gzip":
            return quality.strip().replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
