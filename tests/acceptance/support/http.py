"""One HTTP exchange with a provider: time-outs, no redirects, no secrets in what goes wrong.

Every exchange is made once; repeating it is the client's business. Redirects aren't followed, since
a followed POST would carry tokens to another address. Exceptions of the HTTP library never leave
this module: they hold the request with its form, and so the token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from ipaddress import ip_address
from threading import Thread
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.auth import AuthBase, HTTPBasicAuth

from tests.acceptance.support.errors import Misconfigured, NetworkFault, TimedOut
from tests.acceptance.support.secrets import Secret

_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    requests.ConnectTimeout,
)
TOTAL_SECONDS = 60.0
"""How long one exchange may take: a time-out between two bytes never ends a trickle of them."""
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
class _Failure:
    """Why no answer came: the names of the errors, innermost last, and never their text."""

    names: str
    sent: bool
    too_slow: bool
    unusable: bool


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
        host, problem = _check_address(base_url)
        if problem:
            raise Misconfigured(provider=provider, operation="address", message=problem)
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        # A proxy or a CA bundle from the environment is for other machines than this one.
        self._session = _session(trust_env=not _is_this_machine(host))

    def exchange(self, call: Call, *, fresh: bool = False) -> Reply:
        """Send the call once.

        Args:
            call: the request.
            fresh: use a new connection, so that a cut can't come from a kept-alive one having
                been closed before the request arrived.

        Raises:
            NetworkFault, TimedOut: no answer; `sent` is False if nothing was sent for certain.
            Misconfigured: the address can't be used.
        """
        if fresh:
            self._session.close()
        outcome = self._send_in_time(call)
        if isinstance(outcome, Reply):
            return outcome
        # Raised here, outside the `except`, so that no traceback holds the library's request.
        if outcome.unusable:
            message = f"the request can't be made to this address ({outcome.names})"
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

    def _send_in_time(self, call: Call) -> Reply | _Failure:
        """Send the call in a thread of its own, and stop waiting for it when its time is over."""
        done: Future[Reply | _Failure] = Future()

        def send(session: requests.Session) -> None:
            try:
                done.set_result(self._send(call, session))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is read
                done.set_exception(error)

        Thread(target=send, args=(self._session,), daemon=True).start()
        try:
            return done.result(self._total)
        except FutureTimeout:
            # The thread has the old session, and ends with its connection.
            self._session = _session(trust_env=self._session.trust_env)
            return _Failure(names="Trickle", sent=True, too_slow=True, unusable=False)

    def _send(self, call: Call, session: requests.Session) -> Reply | _Failure:
        try:
            response = session.request(
                call.verb,
                self._base_url + call.path,
                params=dict(call.query) or None,
                data=dict(call.form) or None,
                auth=call.auth,
                headers={"Accept": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return _failure(error)
        return Reply(
            status=response.status_code, headers=response.headers, content=response.content
        )


def _session(*, trust_env: bool) -> requests.Session:
    session = requests.Session()
    session.trust_env = trust_env
    return session


def _failure(error: BaseException) -> _Failure:
    chain = list(_chain(error))
    return _Failure(
        names=", ".join(dict.fromkeys(type(inner).__name__ for inner in chain)),
        sent=not any(isinstance(inner, _NOT_SENT) or _is_bad_certificate(inner) for inner in chain),
        too_slow=any(isinstance(inner, _TOO_SLOW) for inner in chain)
        and not any(type(inner) is urllib3.exceptions.NewConnectionError for inner in chain),
        unusable=isinstance(error, ValueError) and isinstance(error, requests.RequestException),
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


def _check_address(base_url: str) -> tuple[str, str | None]:
    """Return the host and the problem with the address, None if it has none.

    The problem never repeats the address: it may hold a password.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "", "the base address isn't a URL"
    if parts.scheme not in ("http", "https") or not host:
        return host, "the base address must be https://host"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return host, "the base address must not hold a user name, a password or a query"
    if parts.scheme == "http" and not _is_this_machine(host):
        return host, f"http to {host!r} would send credentials in the clear: use https"
    return host, None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
