"""A small CRM of somebody else's, as a server on loopback: contacts by telephone number, and a list of calls.

It knows nothing of our code: it is what an integrator would have in the house already.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, HTTPException, Request

from tests.patience import PATIENCE_SECONDS

TOKEN = "Bearer crm-token"


@dataclass(slots=True)
class ExampleCrm:
    """Set `hangs` to have it take questions and never answer; `calls` are what it was told."""

    port: int = 0
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    calls: list[dict[str, object]] = field(default_factory=list)
    refusals: int = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def app(self) -> FastAPI:
        """Its routes."""
        app = FastAPI()

        def check(request: Request) -> None:
            if request.headers.get("authorization") != TOKEN:
                raise HTTPException(status_code=401)

        @app.get("/contacts")
        async def contacts(request: Request, phone: str) -> object:
            check(request)
            self.asked.append(phone)
            if self.hangs:
                await asyncio.sleep(3_600)
            if phone != "+8613800138000":
                return {"data": []}
            person = {"id": 4711, "fullName": "王芳 (CRM)", "tier": "gold", "url": "https://crm.example.org/c/4711"}
            return {"data": [person]}

        @app.post("/calls", status_code=201)
        async def calls(request: Request) -> object:
            check(request)
            if self.refusals:
                self.refusals -= 1
                raise HTTPException(status_code=503)
            self.calls.append(await request.json())
            return {"ok": True}

        return app


@contextlib.asynccontextmanager
async def running_crm() -> AsyncGenerator[ExampleCrm]:
    """The CRM on a free port of loopback."""
    crm = ExampleCrm()
    listener = socket.create_server(("127.0.0.1", 0))
    crm.port = listener.getsockname()[1]
    config = uvicorn.Config(crm.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not server.started:  # noqa: ASYNC110  It has no event to wait for.
                await asyncio.sleep(0.01)
        yield crm
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()
