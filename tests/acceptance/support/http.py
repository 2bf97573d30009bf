"""One HTTP exchange with a provider: time-outs, no redirects, no secrets in what goes wrong.

Every exchange is made once; repeating it is the client's business. A redirect is an answer like any
other: it isn't followed, since a followed POST would carry tokens to another address, and where it
leads isn't even read. Exceptions of the HTTP library never leave this module, whichever they are:
they and their frames hold the request with its form, and so the token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from tests.acceptance.support.base_url import is_this_machine, problem_of
from tests.acceptance.support.errors import Misconfigured, NetworkFault, TimedOut, Unavailable
from tests.acceptance.support.secrets import Secret

_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    requests.ConnectTimeout,
)
TOTAL_SECONDS = 60.0
"""How long one exchange may take: a time-out between two bytes never ends a trickle of them."""
MOST_BYTES = 10_000_000
"""The most that is read of one answer, decoded: PayPal's longest page has some two million."""
_PART = 8192
# One layer of these makes 8 MB of a part at most; other encodings, or several, could make any size.
_ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
_TOO_SLOW = (urllib3.exceptions.TimeoutError, requests.Timeout, TimeoutError)


class Form(dict[str, str]):
    """A form's parameters; they hold tokens and addresses, so the repr shows only their number."""

    def __repr__(self) -> str:
        return f"<Form of {len(self)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. What may hold a secret or a person's data is left out of its repr.

    Attributes:
        operation: what the provider calls it, for messages.
        verb: the HTTP method.
        path: the path below the base address, already quoted.
        query: the query string's parameters; never a secret.
        form: the form body's parameters.
        auth: what sets the Authorization header.
    """

    operation: str
    verb: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form, repr=False)
    auth: AuthBase = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: its status, its headers (any case) and its body, which may hold a token."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unread:
    """An answer whose body wasn't read to its end: its status, and why."""

    status: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Why no answer came: the names of the errors, innermost last, and never their text.

    `prepared`: whether it came so far that anything could be sent.
    """

    names: str
    sent: bool
    too_slow: bool
    prepared: bool = True


class NoAuth(AuthBase):
    """Sends no Authorization header (without it, `requests` would look into ~/.netrc)."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request as it is."""
        return request


class Bearer(AuthBase):
    """Sends a bearer token."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with its Authorization header."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class Basic(AuthBase):
    """Sends a user name and a password."""

    def __init__(self, user: Secret, password: Secret) -> None:
        self._user = user
        self._password = password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with its Authorization header."""
        user, password = self._user.reveal().encode(), self._password.reveal().encode()
        signed: requests.PreparedRequest = HTTPBasicAuth(user, password)(request)
        return signed


class Transport:
    """Sends calls to one provider and hands back its answers.

    Args:
        provider: its name, for messages.
        base_url: `https://host[/path]`; plain `http` for this machine only.
        timeout: seconds to connect, and between two bytes of the answer.
        total: seconds for one exchange.

    Raises:
        Misconfigured: the address can't be used.
    """

    def __init__(
        self,
        *,
        provider: str,
        base_url: str,
        timeout: tuple[float, float],
        total: float = TOTAL_SECONDS,
    ) -> None:
        self.provider = provider
        self._total = total
        problem = problem_of(base_url)
        if problem:
            raise Misconfigured(provider=provider, operation="address", message=problem)
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        # A proxy or a CA bundle from the environment is for other machines than this one.
        self._session = _session(trust_env=not is_this_machine(base_url))

    def exchange(self, call: Call, *, fresh: bool = False, within: float = TOTAL_SECONDS) -> Reply:
        """Send the call once.

        Args:
            call: the request.
            fresh: use a new connection, so that a cut can't come from a kept-alive one having
                been closed before the request arrived.
            within: seconds that this exchange may take, if that is less than any may.

        Raises:
            NetworkFault, TimedOut: no answer; `sent` is False if nothing was sent for certain.
            Unavailable: the answer is too long, or packed in a way that could make it so.
            Misconfigured: nothing can be sent through this machine's proxy, or with its
                certificates.
        """
        if fresh:
            self._session.close()
        outcome = self._send_in_time(call, min(within, self._total))
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, _Unread):
            raise Unavailable(
                provider=self.provider,
                operation=call.operation,
                message=f"the answer can't be read: {outcome.why}",
                http_status=outcome.status,
            )
        # Raised here, outside the `except`, so that no traceback holds the library's request.
        if not outcome.prepared:
            message = (
                f"nothing can be sent from this machine ({outcome.names}): HTTPS_PROXY and "
                "ALL_PROXY must be as in http://host:port, and REQUESTS_CA_BUNDLE must exist"
            )
            raise Misconfigured(provider=self.provider, operation=call.operation, message=message)
        if outcome.too_slow:
            raise TimedOut(
                provider=self.provider,
                operation=call.operation,
                message=f"no answer in time ({outcome.names})",
                sent=outcome.sent,
            )
        problem = "the connection was cut" if outcome.sent else "no connection"
        raise NetworkFault(
            provider=self.provider,
            operation=call.operation,
            message=f"{problem} ({outcome.names})",
            sent=outcome.sent,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send_in_time(self, call: Call, seconds: float) -> Reply | _Unread | _Failure:
        """Send the call in a thread of its own, and stop waiting for it when its time is over."""
        done: Future[Reply | _Unread | _Failure] = Future()

        def send(session: requests.Session) -> None:
            try:
                done.set_result(self._send(call, session))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is read
                done.set_exception(error)

        Thread(target=send, args=(self._session,), daemon=True).start()
        try:
            return done.result(seconds)
        except FutureTimeout:
            # The thread has the old session, and ends with its connection.
            self._session = _session(trust_env=self._session.trust_env)
            return _Failure(names="Trickle", sent=True, too_slow=True)

    def _send(self, call: Call, session: requests.Session) -> Reply | _Unread | _Failure:
        prepared = False
        try:
            request, adapter, options = self._prepared(call, session)
            prepared = True
            # Not by the session: it would read where a redirect leads, and for that its whole body.
            with adapter.send(request, stream=True, timeout=self._timeout, **options) as response:
                return _read(response)
        except Exception as error:  # noqa: BLE001 - any, since its frames hold the request
            return _failure(error, prepared=prepared)

    def _prepared(
        self, call: Call, session: requests.Session
    ) -> tuple[requests.PreparedRequest, _Adapter, dict[str, Any]]:
        """Return a request that can be sent, what sends it, and how: through which proxy."""
        request = session.prepare_request(
            requests.Request(
                call.verb,
                self._base_url + call.path,
                params=dict(call.query),
                data=dict(call.form),
                auth=call.auth,
                headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
            )
        )
        url = request.url or ""
        found: Mapping[str, Any] = session.merge_environment_settings(url, {}, None, None, None)
        options = {name: found[name] for name in ("verify", "cert", "proxies")}
        adapter = session.get_adapter(url)
        assert isinstance(adapter, _Adapter)
        adapter.require_usable(request, **options)
        return request, adapter, options


class _Adapter(HTTPAdapter):
    """Sends a request; can show beforehand that proxy and certificates are usable."""

    def require_usable(
        self, request: requests.PreparedRequest, *, verify: Any, cert: Any, proxies: Any
    ) -> None:
        """Raise what `send` would raise before it has sent anything."""
        connection = self.get_connection_with_tls_context(
            request, verify, proxies=proxies, cert=cert
        )
        self.cert_verify(connection, request.url, verify, cert)  # type: ignore[no-untyped-call]
        self.request_url(request, proxies)  # reads the proxy's address in another way


def _read(response: requests.Response) -> Reply | _Unread:
    """Read an answer part by part, and no more than `MOST_BYTES` of it."""
    status, headers = response.status_code, response.headers
    if headers.get("Content-Encoding", "").strip().lower() not in _ENCODINGS:
        return _Unread(status=status, why="its Content-Encoding is none that was asked for")
    content = bytearray()
    for part in response.iter_content(_PART):
        content += part
        if len(content) > MOST_BYTES:
            return _Unread(status=status, why=f"it is longer than {MOST_BYTES:,} bytes")
    return Reply(status=status, headers=headers, content=bytes(content))


def _session(*, trust_env: bool) -> requests.Session:
    session = requests.Session()
    session.trust_env = trust_env
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


def _failure(error: BaseException, *, prepared: bool) -> _Failure:
    chain = list(_chain(error))
    return _Failure(
        names=", ".join(dict.fromkeys(type(inner).__name__ for inner in chain)),
        sent=prepared
        and not any(isinstance(inner, _NOT_SENT) or _is_bad_certificate(inner) for inner in chain),
        too_slow=any(isinstance(inner, _TOO_SLOW) for inner in chain)
        and not any(type(inner) is urllib3.exceptions.NewConnectionError for inner in chain),
        prepared=prepared,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those inside it: libraries put them in args, `reason` or the cause."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        inner = waiting.pop(0)
        if isinstance(inner, BaseException) and id(inner) not in seen:
            seen.add(id(inner))
            yield inner
            waiting += [*inner.args, getattr(inner, "reason", None)]
            waiting += [inner.__cause__, inner.__context__]


def _is_bad_certificate(error: BaseException) -> bool:
    # The handshake failed, so no request followed it.
    return type(error).__name__ == "SSLCertVerificationError"
