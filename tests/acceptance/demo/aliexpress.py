"""An AliExpress Open Platform that takes signed calls over HTTP on this machine.

It verifies key, signature, timestamp, permission and token by itself, in that order, and keeps the
orders it creates. `/sync` refuses with a nested `error_response`, `/rest` with a flat object: the
provider's gateways do both.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
from collections.abc import Mapping
from typing import Any

from tests.acceptance.demo.aliexpress_methods import METHODS, Refused
from tests.acceptance.demo.aliexpress_state import (
    SimDelivery,
    SimOrder,
    SimProduct,
    SimSku,
    SupplierState,
)
from tests.acceptance.demo.http_server import Answer, Faults, LoopbackServer, Request

__all__ = [
    "AliExpressSimulator",
    "Faults",
    "SimDelivery",
    "SimOrder",
    "SimProduct",
    "SimSku",
    "SupplierState",
]

SKEW_MS = 7_200_000
"""How far a timestamp may be from the provider's clock, in milliseconds."""

_REFRESH = "/auth/token/refresh"


class AliExpressSimulator:
    """Serves a `SupplierState`.

    Args:
        state: what the supplier knows; it may be read and changed while the simulator runs.
    """

    def __init__(self, state: SupplierState) -> None:
        self.state = state
        self._numbers = itertools.count(1)
        self._server = LoopbackServer(
            handle=self._handle,
            rate_limited=self._rate_limited,
            broken=self._broken,
            faults=state.faults,
        )

    def start(self) -> str:
        """Begin to serve and return the base address."""
        return self._server.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.stop()

    def _handle(self, request: Request) -> Answer:
        if request.verb != "POST":
            return Answer(status=405, body={"message": "POST only"})
        if request.path == "/sync":
            return self._business(request.form)
        if request.path.startswith("/rest/"):
            return self._system(request.path.removeprefix("/rest"), request.form)
        return Answer(status=404, body={"message": "no such path"})

    def _business(self, form: Mapping[str, str]) -> Answer:
        method = form.get("method", "")
        self.state.requests[method] += 1
        try:
            self._verify("", form)
            self._authorise(method, form.get("session", ""))
            body = METHODS[method](self.state, form)
        except Refused as refused:
            return Answer(body={"error_response": self._error(refused, "msg")})
        request_id = self._request_id()
        return Answer(
            body={f"{method.replace('.', '_')}_response": body | {"request_id": request_id}}
        )

    def _system(self, path: str, form: Mapping[str, str]) -> Answer:
        self.state.requests[path] += 1
        try:
            self._verify(path, form)
            body = self._refreshed(path, form.get("refresh_token", ""))
        except Refused as refused:
            return Answer(body=self._error(refused, "message"))
        return Answer(body={**body, "code": "0", "request_id": self._request_id()})

    def _verify(self, path: str, form: Mapping[str, str]) -> None:
        state = self.state
        for name in ("app_key", "timestamp", "sign_method", "sign"):
            if not form.get(name):
                raise Refused("MissingParameter", f"The input parameter {name} is missing")
        if form["app_key"] != state.app_key:
            raise Refused("InvalidAppKey", "The specified app key is invalid")
        stamp, now = form["timestamp"], state.clock().timestamp() * 1000
        if not stamp.isdecimal() or abs(int(stamp) - now) > SKEW_MS:
            raise Refused("IllegalTimestamp", "The timestamp is too far from the server's time")
        signed = path
        for name, value in sorted(form.items()):
            if name != "sign":
                signed += name + value
        expected = hmac.digest(state.app_secret.encode(), signed.encode(), hashlib.sha256).hex()
        if form["sign_method"] != "sha256" or not _same(form["sign"], expected.upper()):
            words = "The request signature does not conform to platform standards"
            raise Refused("IncompleteSignature", words)

    def _authorise(self, method: str, token: str) -> None:
        state = self.state
        if method not in METHODS:
            raise Refused("InvalidApiPath", f"the api {method} does not exist")
        if state.permissions is not None and method not in state.permissions:
            raise Refused("InsufficientPermission", "the app has no permission for this api")
        if state.faults.reject_token or not _same(token, state.access_token):
            words = "The specified access token is invalid or expired"
            raise Refused("IllegalAccessToken", words)

    def _refreshed(self, path: str, refresh_token: str) -> dict[str, Any]:
        state = self.state
        if path != _REFRESH:
            raise Refused("InvalidApiPath", f"the api {path} does not exist")
        if not state.refresh_token or not _same(refresh_token, state.refresh_token):
            raise Refused(
                "IllegalRefreshToken", "The specified refresh token is invalid or expired"
            )
        state.access_token = f"5000{secrets.token_hex(20)}"
        state.refresh_token = f"5001{secrets.token_hex(20)}"
        seconds = int(state.token_lifetime.total_seconds())
        now = int(state.clock().timestamp() * 1000)
        return {
            "access_token": state.access_token,
            "refresh_token": state.refresh_token,
            "expires_in": seconds,
            "refresh_expires_in": 2 * seconds,
            "expire_time": now + 1000 * seconds,
            "refresh_token_valid_time": now + 2000 * seconds,
            "user_nick": "demo",
            "sp": "ae",
        }

    def _error(self, refused: Refused, words: str) -> dict[str, Any]:
        return {
            "type": refused.type_,
            "code": refused.code,
            words: refused.words,
            "request_id": self._request_id(),
        }

    def _rate_limited(self, seconds: float) -> Answer:
        words = f"The request frequency exceeds the limit, this ban will last {seconds:g} seconds"
        refused = Refused("ApiCallLimit", words, type_="SYSTEM")
        return Answer(body={"error_response": self._error(refused, "msg")})

    def _broken(self, status: int) -> Answer:
        refused = Refused("ServiceUnavailable", "The service is unavailable", type_="SYSTEM")
        return Answer(status=status, body=self._error(refused, "message"))

    def _request_id(self) -> str:
        return f"2141{next(self._numbers):020d}"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
