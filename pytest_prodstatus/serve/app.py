"""The routes of `prodstatus serve`: read-only answers, each judged for its own request.

No path of a request becomes the name of a file: a target is looked up among those that the `Judge`
knows. What goes wrong in a judgement closes the gate; it is never an error of the server, which a
controller would repeat or ignore.
"""

from __future__ import annotations

import asyncio
import hmac
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pytest_prodstatus.model.codec import printed_json
from pytest_prodstatus.model.gate import UnknownStageError
from pytest_prodstatus.model.text import Instant, cut, one_line, utc_isoformat
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.model.violations import GateQuery
from pytest_prodstatus.writers import openmetrics, shields
from pytest_prodstatus.writers.gate_report import Judged

REASONS_LIMIT = 4096
"""Bytes of an answer of `/gate` at most; Flagger shows it as an event of Kubernetes."""

PAGES = 8
"""Pages that are sent at once at most: a slow reader keeps a whole page in memory."""

_CHUNK = 2**16
"""Bytes of a page that are passed on at once."""
_CONDITIONS = ("subject", "commit", "run", "require")
"""The parameters of a request, which mean what the options of `prodstatus gate` mean."""


class Judge(Protocol):
    """What the server needs to know: the targets, and the decision about one of them as of now.

    A Protocol, since the routes read no files; `cli.targets.Targets` is the one that does.
    """

    @property
    def default(self) -> str:
        """The target of a request that names none."""

    def targets(self) -> list[str]:
        """Return the names of all targets that can be judged."""

    def query(self, target: str, conditions: Mapping[str, str]) -> GateQuery:
        """Return the query of a request.

        Args:
            target: one of the targets.
            conditions: the values of its parameters, none of them empty.

        Raises:
            UnknownStageError: they require no stage.
        """

    def judged(self, query: GateQuery) -> Judged:
        """Read and judge a target's record now.

        Raises:
            UnknownStageError: the query requires a stage that doesn't exist.
        """


class ServedVerdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of `/verdict`.

    Attributes:
        at: when it was judged for this answer.
        target: the system.
        open: whether the gate is open.
        verdict: FINAL, or the required stages, now; BLOCKED if nothing is known.
        decision: `open`, `open, N waived`, `open by an override` or `closed`.
        until: until when an open gate stays open by itself; null if it is closed.
        sentence: the decision in one line.
        reasons: why it is closed, or would be without an override, the worst first.
        actions: what to do, what unblocks most first.
        run: the id of the run that made the record; null if there is none.
        release: the release that it judged; null if that isn't known.
        finished: when that run ended; null if it has not.
    """

    at: Instant
    target: str
    open: bool
    verdict: Verdict
    decision: str
    until: Instant | None
    sentence: str
    reasons: tuple[str, ...]
    actions: tuple[str, ...]
    run: str | None
    release: str | None
    finished: Instant | None


def served_verdict(judged: Judged) -> ServedVerdict:
    """Return a decision in the form of `/verdict`.

    Args:
        judged: the decision, with its record and its instant.
    """
    report, decision = judged.report, judged.report.decision
    run = report.run
    return ServedVerdict(
        at=judged.at,
        target=decision.query.target,
        open=decision.open,
        verdict=decision.present_verdict,
        decision=decision.decision,
        until=report.until,
        sentence=decision.sentence,
        reasons=decision.reasons,
        actions=decision.actions,
        run=run.id if run else None,
        release=run.subject.release if run else None,
        finished=run.finished if run else None,
    )


def gate_text(judged: Judged) -> str:
    """Return the decision and its reasons as lines, of at most `REASONS_LIMIT` bytes."""
    report, decision = judged.report, judged.report.decision
    lines = [decision.sentence]
    if report.until:
        lines.append(f"until {utc_isoformat(report.until)}")
    lines += [] if decision.open else [*decision.reasons, *(f"→ {a}" for a in decision.actions)]
    return cut("\n".join(lines) + "\n", REASONS_LIMIT)


_Result = TypeVar("_Result")


class Turns:
    """Does one thing at a time, and once for all who wait for the same.

    A result is only shared with those who came before it was begun, so each of them gets one that
    is newer than the request. However many connections there are, one record is in memory.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting: dict[Hashable, asyncio.Future[Any]] = {}

    async def take(self, key: Hashable, work: Callable[[], _Result]) -> _Result:
        """Return the result of `work`, which is done in a thread.

        Args:
            key: the same for the same work.
            work: what to do.
        """
        if key not in self._waiting:
            self._waiting[key] = asyncio.ensure_future(self._do(key, work))
        # Shielded: if this client disconnects, others may still wait for the result.
        result: _Result = await asyncio.shield(self._waiting[key])
        return result

    async def _do(self, key: Hashable, work: Callable[[], _Result]) -> _Result:
        """Do work in a thread, one at a time."""
        async with self._lock:
            # Removed before the work begins: each later request must get a newer result.
            del self._waiting[key]
            return await run_in_threadpool(work)


class _Routes:
    """The functions that answer the requests of each path.

    Args:
        judge: judges a target.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._turns = Turns()
        self._pages = asyncio.Semaphore(PAGES)

    def all(self) -> list[Route]:
        """Return the route of each path that the server answers."""
        targeted = [
            ("/verdict", self.verdict, ["GET"]),
            # Flagger can only POST. Its body isn't read, and nothing is changed.
            ("/gate", self.gate, ["GET", "POST"]),
        ]
        found = [Route(path, answer, methods=methods) for path, answer, methods in targeted]
        found += [
            Route(f"{path}/{{target}}", answer, methods=methods)
            for path, answer, methods in targeted
        ]
        return [
            *found,
            Route("/", self.index),
            Route("/page/{target}", self.page),
            Route("/metrics", self.metrics),
            Route("/badge/{target}.json", self.badge),
            Route("/healthz", healthz),
        ]

    async def verdict(self, request: Request) -> Response:
        """Return the verdict as JSON, always with 200: Argo takes anything else for an error."""
        judged = await self._requested(request)
        return Response(printed_json(served_verdict(judged)), media_type="application/json")

    async def gate(self, request: Request) -> Response:
        """Return 200 if the gate is open, else 503 with the reasons."""
        judged = await self._requested(request)
        status = 200 if judged.report.decision.open else 503
        return PlainTextResponse(gate_text(judged), status)

    async def metrics(self, request: Request) -> Response:
        """Return the metrics of all targets."""
        _conditions(request, ())
        reports = [judged.report for judged in await self._all()]
        text = openmetrics.metrics(reports)
        return Response(text, headers={"Content-Type": openmetrics.CONTENT_TYPE})

    async def badge(self, request: Request) -> Response:
        """Return the JSON of a target's badge."""
        judged = await self._requested(request, ())
        return Response(shields.badge_of(judged.report), media_type="application/json")

    async def index(self, request: Request) -> Response:
        """Return the page that lists all targets, each as it is judged now."""
        from pytest_prodstatus.serve.pages import index

        _conditions(request, ())
        return _html(index(await self._all()))

    async def page(self, request: Request) -> Response:
        """Return a target's page, as it is judged now."""
        from pytest_prodstatus.serve.pages import page

        _conditions(request, ())
        query = self._judge.query(await self._target(request), {})
        # Held until the last piece is sent (`_sent`), so it can't be an `async with`.
        await self._pages.acquire()
        try:
            text = await self._turns.take(("page", query), lambda: page(self._judged(query)))
        except BaseException:  # also a client that disconnects, which cancels this
            self._pages.release()
            raise
        return _html(text, self._sent(text.encode("utf-8", "backslashreplace")))

    async def _sent(self, content: bytes) -> AsyncIterator[bytes]:
        """Yield a page in pieces, so that a connection's buffer has only one of them."""
        try:
            for begin in range(0, len(content), _CHUNK):
                yield content[begin : begin + _CHUNK]
        finally:
            self._pages.release()

    async def _requested(self, request: Request, names: tuple[str, ...] = _CONDITIONS) -> Judged:
        """Return the decision that a request asks for, judged now."""
        conditions = _conditions(request, names)
        target = await self._target(request)
        try:
            query = self._judge.query(target, conditions)
            return await self._turns.take(query, lambda: self._judged(query))
        except UnknownStageError as error:
            # The message names the gate's option; in a request it is a parameter.
            raise HTTPException(400, str(error).removeprefix("--")) from None

    async def _target(self, request: Request) -> str:
        """Return the target in a request's path, or the default one.

        Raises:
            HTTPException: 404, there is no such target.
        """
        # Looked up, never joined to a path: no request can name a file.
        name: str = request.path_params.get("target", self._judge.default)
        if name not in await run_in_threadpool(self._judge.targets):
            raise HTTPException(404, "there is no such target")
        return name

    async def _all(self) -> list[Judged]:
        """Return the decision about each target, judged now."""
        queries = [self._judge.query(name, {}) for name in await self._targets()]
        return [await self._turns.take(q, lambda q=q: self._judged(q)) for q in queries]  # type: ignore[misc]

    async def _targets(self) -> list[str]:
        """Return the names of all targets, which are looked up in a thread."""
        return await run_in_threadpool(self._judge.targets)

    def _judged(self, query: GateQuery) -> Judged:
        """Judge again what a query is about."""
        return self._judge.judged(query)


async def healthz(request: Request) -> Response:  # noqa: ARG001
    """Say that the server itself answers; this says nothing about any target."""
    return PlainTextResponse("the server answers; ask /gate for a verdict\n")


def _conditions(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a request; refuse what would else be dropped in silence.

    Args:
        request: the request.
        names: the parameters that its path has.

    Raises:
        HTTPException: 400, a parameter is unknown, empty or there twice.
    """
    # Dropped, `?comit=…` would be answered for any commit.
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names:
            known = ", ".join(names) or "none"
            raise HTTPException(400, f"unknown parameter {one_line(name)!r}; there are: {known}")
        if name in found or not one_line(value):
            fault = "is there twice" if name in found else "is empty"
            raise HTTPException(400, f"the parameter {name!r} {fault}")
        found[name] = one_line(value)
    return found


def _html(text: str, pieces: AsyncIterator[bytes] | None = None) -> Response:
    """Return a page as a response, with the policy that lets only its own script run."""
    from pytest_prodstatus.writers.html.page import policy

    headers = {"Content-Security-Policy": f"{policy()}; frame-ancestors 'none'"}
    if pieces is not None:
        return StreamingResponse(pieces, headers=headers, media_type="text/html")
    content = text.encode("utf-8", "backslashreplace")
    return Response(content, headers=headers, media_type="text/html; charset=utf-8")


_HEADERS = {
    "Cache-Control": "no-store",  # an answer holds for the instant at which it was judged
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of each answer that isn't a page: nothing in it may run or load."""


class _Guard:
    """Refuses a request without the token, and adds the headers that every answer has.

    Around the whole application, so that no route and no error can lack either.

    Args:
        app: the application.
        token: what a request must present; None for nothing.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by ASGI; one without the token gets 401 and never reaches a route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**_HEADERS, "Content-Security-Policy": _NOTHING}.items():
                    headers.setdefault(name, value)
            # Starlette answers HEAD like GET, with the body.
            elif message["type"] == "http.response.body" and is_head:
                message = {**message, "body": b""}
            await send(message)

        app = self._app if self._is_allowed(scope) else _UNAUTHORIZED
        await app(scope, receive, guarded)

    def _is_allowed(self, scope: Scope) -> bool:
        """Return whether a request has the token, if one is required."""
        if self._token is None or scope["path"] == "/healthz":
            return True
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        # Always compared, and in constant time, so that how long it takes says nothing. Starlette
        # decodes a header as Latin-1, so encoding it gives back the bytes that were sent.
        equal = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        return equal and scheme.lower() == "bearer"


_UNAUTHORIZED = PlainTextResponse(
    "a bearer token is needed\n", 401, headers={"WWW-Authenticate": 'Bearer realm="prodstatus"'}
)


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer a refused request with its status and one line of text."""
    assert isinstance(error, HTTPException)  # noqa: S101  the handler of no other
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer 503 after an error, whose text goes to standard error alone."""
    print(f"prodstatus: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
    return PlainTextResponse("the server failed, so nothing is confirmed\n", 503)


def app_of(judge: Judge, *, token: str | None = None) -> ASGIApp:
    """Return the server's application, which answers by what the judge decides.

    Args:
        judge: judges a target anew each time.
        token: what each request must present, except of `/healthz`; None for nothing.
    """
    handlers: dict[object, Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: _refused,
        500: _broken,
    }
    app = Starlette(routes=_Routes(judge).all(), exception_handlers=handlers)
    # A redirect would name the host that the request claims.
    app.router.redirect_slashes = False
    return _Guard(app, token)
