"""A server of a small project, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
from starlette.types import ASGIApp

from pytest_prodstatus.cli.common import place_of
from pytest_prodstatus.cli.targets import Targets
from pytest_prodstatus.serve.app import app_of
from tests.unit.given import NOW

TOKEN = "0123456789abcdef0123"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return its instant."""
        return self.now


class AppClient:
    """A client that asks the application itself, without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Return the answer to GET."""
        return self.request("GET", path, **more)


def client_of(
    clock: Callable[[], datetime], token: str | None = None, folder: str | None = None
) -> AppClient:
    """Return a client of the server in the current folder, or of one output folder's."""
    targets = Targets(place_of(dir=folder), now=clock)
    return AppClient(app_of(targets, token=token))
