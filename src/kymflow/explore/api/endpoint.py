"""One shape for all endpoints: a function of the workspace and what was asked, in a thread."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kymflow.explore.encode import JSON, error_response, refused
from kymflow.explore.workspace import Workspace
from kymflow_zarr.errors import DatasetError, UsageError


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: the values of its query or of its JSON body.

    Attributes:
        values: By name.
        cancelled: Set once nobody waits for the answer any more.
    """

    values: Mapping[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise UsageError(f"{name} is missing")
        return value

    def optional(self, name: str) -> str | None:
        """Return a text; None where it is missing or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise UsageError(f"{name} must be a text, not {value!r}")
        return value

    def number(self, name: str) -> float | None:
        """Return a finite number; None where it is missing."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        with suppress(TypeError, ValueError):
            number = float(value)
            if math.isfinite(number):
                return number
        raise UsageError(f"{name} must be a number, not {value!r}")

    def whole(self, name: str, default: int) -> int:
        """Return a whole number."""
        number = self.number(name)
        if number is None:
            return default
        if number != int(number):
            raise UsageError(f"{name} must be a whole number, not {number!r}")
        return int(number)

    def flag(self, name: str) -> bool:
        """Tell whether something is asked for."""
        return str(self.values.get(name, "")).lower() in ("1", "true")

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object, given as such or as JSON text; empty where it is missing."""
        value = self.values.get(name) or {}
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise UsageError(f"{name} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise UsageError(f"{name} must be an object, not {value!r}")
        return value

    def list_of(self, name: str, kind: type) -> list[Any]:
        """Return a list of values of one kind."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
            raise UsageError(f"{name} must be a list")
        return value


Handler = Callable[[Workspace, Asked], Any]


def reads(path: str, handler: Handler) -> Route:
    """Return the route of a question."""
    return Route(path, _endpoint(handler), methods=["GET"])


def writes(path: str, handler: Handler) -> Route:
    """Return the route of what changes the dataset; there is none where it is read-only."""
    return Route(path, _endpoint(handler), methods=["POST"])


def _endpoint(handler: Handler) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        values: Any = dict(request.query_params)
        if request.method == "POST":
            try:
                values = json.loads(body)
            except ValueError as error:
                return refused(400, f"the body is not JSON: {error}")
            if not isinstance(values, dict):
                return refused(400, "the body is no JSON object")
        asked = Asked(values)
        gone = asyncio.create_task(_tell_when_gone(request, asked.cancelled))
        try:
            answer = await run_in_threadpool(handler, request.app.state.workspace, asked)
        except DatasetError as error:
            return error_response(error)
        finally:
            gone.cancel()
        return answer if isinstance(answer, Response) else JSON(answer)

    return endpoint


async def _tell_when_gone(request: Request, cancelled: threading.Event) -> None:
    message = await request.receive()
    if message["type"] == "http.disconnect":
        cancelled.set()
