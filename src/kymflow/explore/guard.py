"""Who may ask: the browser that was given the token, on this machine, and no page of others.

The page is as powerful as its user. So each request must name a host that is this server's (or a
site could have its own name lead here, DNS rebinding), must bring the cookie that the one-time
token was exchanged for, and must, to write, come from the page itself.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kymflow.explore.encode import refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_HEADER = "x-kymflow"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_BYTES = 4 << 20
_POLICY = (
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Mapping[str, str] = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_CLOSED = "this page is closed to you: open the address that `kymflow explore` printed"


class Guard:
    """Lets through what the page itself asks, and nothing else.

    Args:
        app: What is guarded.
        hosts: The names under which it may be reached, without a port.
        port: The port.

    Attributes:
        token: Opens the page once: ``/?token=…``.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], port: int) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in (*LOOPBACK, *hosts)}
        self._cookie = f"kymflow-{port}"  # cookies are shared by all ports of a host
        self._session = secrets.token_urlsafe(32)
        self.token: str | None = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no others
        request = Request(scope)
        answer = self._answer(request)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        await self._app(scope, _limited(receive), _with_headers(send))

    def _answer(self, request: Request) -> Response | None:
        """Answer in the place of the page; None if it is to."""
        headers = request.headers
        host = headers.get("host", "")
        if host not in self._hosts:
            return refused(421, f"{host!r} is not the name of this server")
        given = parse_qs(request.url.query).get("token")
        if given and request.method == "GET":
            return self._let_in(request, given[0])
        if not hmac.compare_digest(request.cookies.get(self._cookie, "").encode(),
                                   self._session.encode()):  # fmt: skip
            return refused(403, _CLOSED)
        if request.method not in ("GET", "HEAD") and (why := _unlike_page(headers, host)):
            return refused(403, f"only the page itself may write: {why}")
        return None

    def _let_in(self, request: Request, given: str) -> Response:
        """Exchange the token for a cookie; it opens the page once."""
        token = self.token
        if token is None or not hmac.compare_digest(given.encode(), token.encode()):
            return refused(403, f"the token is not valid, or was used; {_CLOSED}")
        self.token = None
        rest = {k: v for k, v in request.query_params.multi_items() if k != "token"}
        target = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        answer = RedirectResponse(target, status_code=303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        return answer


def _unlike_page(headers: Headers, host: str) -> str | None:
    """Say in what a request to write is not like the page's own; None if it is."""
    if headers.get("origin") != f"http://{host}":
        return f"the request's origin is {headers.get('origin')!r}"
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return "it comes from another site"
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return "it is not JSON"
    return None if headers.get(OWN_HEADER) == "1" else f"it has no header {OWN_HEADER}"


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return with_headers


def _limited(receive: Receive) -> Receive:
    """Pass on a request's body, and cut off one that is too long."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > MOST_BYTES else message

    return limited
