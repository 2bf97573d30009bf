"""A PayPal with the token and payout look-up calls, over HTTP on this machine."""

from __future__ import annotations

import base64
import binascii
import hmac
import itertools
import secrets
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from tests.acceptance.demo.http_server import Answer, Faults, LoopbackServer, Request
from tests.acceptance.demo.paypal_state import PAYOUTS_SCOPE, PayoutState, SimBatch, SimPayout

__all__ = ["Faults", "PayPalSimulator", "PayoutState", "SimBatch", "SimPayout"]

_PAYOUTS = "/v1/payments/payouts/"
_ITEMS = "/v1/payments/payouts-item/"


class PayPalSimulator:
    """Serves a `PayoutState`.

    Args:
        state: what PayPal knows; it may be read and changed while the simulator runs.
    """

    def __init__(self, state: PayoutState) -> None:
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
        if (request.verb, request.path) == ("POST", "/v1/oauth2/token"):
            self.state.requests["token"] += 1
            return self._token(request)
        if request.verb == "GET" and request.path.startswith(_PAYOUTS):
            self.state.requests["payouts"] += 1
            batch_id = unquote(request.path.removeprefix(_PAYOUTS))
            return self._refused(request) or self._batch(batch_id, request)
        if request.verb == "GET" and request.path.startswith(_ITEMS):
            self.state.requests["payouts-item"] += 1
            item_id = unquote(request.path.removeprefix(_ITEMS))
            return self._refused(request) or self._item(item_id)
        return Answer(status=404)

    def _token(self, request: Request) -> Answer:
        state = self.state
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            said = base64.b64decode(encoded, validate=True) if kind == "Basic" else b""
        except binascii.Error:
            said = b""
        if not hmac.compare_digest(said, f"{state.client_id}:{state.client_secret}".encode()):
            return _oauth_error(401, "invalid_client", "Client Authentication failed")
        if request.form.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "Grant Type is NULL")
        token = f"A21AA{secrets.token_hex(24)}"
        state.tokens[token] = state.clock() + state.token_lifetime
        body = {
            "scope": " ".join(state.scopes),
            "access_token": token,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": int(state.token_lifetime.total_seconds()),
            "nonce": secrets.token_hex(8),
        }
        return Answer(body=body, headers={"Paypal-Debug-Id": self._debug_id()})

    def _refused(self, request: Request) -> Answer | None:
        state = self.state
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        ends = state.tokens.get(token) if kind == "Bearer" else None
        if ends is None or ends <= state.clock() or state.faults.reject_token:
            return _oauth_error(401, "invalid_token", "Token signature verification failed")
        if PAYOUTS_SCOPE not in state.scopes:
            return self._error(403, "REQUIRED_SCOPE_MISSING", "Access token lacks the scope")
        if state.sender_restricted:
            return self._error(403, "SENDER_RESTRICTED", "The sender's account is restricted")
        return None

    def _batch(self, batch_id: str, request: Request) -> Answer:
        batch = self.state.batches.get(batch_id)
        if batch is None:
            return self._unknown()
        page, size = request.query.get("page", "1"), request.query.get("page_size", "1000")
        numbers_ok = page.isdecimal() and size.isdecimal()
        if not numbers_ok or not (int(page) >= 1 and 1 <= int(size) <= 1000):
            return self._error(400, "VALIDATION_ERROR", "Invalid request - see details", page=page)
        each = min(int(size), self.state.page_limit)
        first = (int(page) - 1) * each
        pages = max(-(-len(batch.items) // each), 1)
        body: dict[str, Any] = {
            "batch_header": _header(batch),
            "items": [_item(batch, item) for item in batch.items[first : first + each]],
            "links": [{"href": request.path, "rel": "self", "method": "GET"}],
        }
        if int(page) < pages:
            body["links"].append({"href": request.path, "rel": "next", "method": "GET"})
        if request.query.get("total_required") == "true":
            body |= {"total_items": len(batch.items), "total_pages": pages}
        return Answer(body=body, headers={"Paypal-Debug-Id": self._debug_id()})

    def _item(self, item_id: str) -> Answer:
        found = self.state.item(item_id)
        return self._unknown() if found is None else Answer(body=_item(*found))

    def _unknown(self) -> Answer:
        return self._error(404, "INVALID_RESOURCE_ID", "The requested resource ID was not found")

    def _error(self, status: int, name: str, message: str, **issues: str) -> Answer:
        debug_id = self._debug_id()
        details = [
            {"field": field, "issue": "INVALID_VALUE", "description": f"{value!r} is not valid"}
            for field, value in issues.items()
        ]
        body = {
            "name": name,
            "message": message,
            "debug_id": debug_id,
            "details": details,
            "links": [],
        }
        return Answer(status=status, body=body, headers={"Paypal-Debug-Id": debug_id})

    def _rate_limited(self, seconds: float) -> Answer:
        answer = self._error(429, "RATE_LIMIT_REACHED", "Too many requests. Blocked")
        headers = {**answer.headers, "Retry-After": f"{seconds:g}"}
        return Answer(status=429, body=answer.body, headers=headers)

    def _broken(self, status: int) -> Answer:
        return self._error(status, "INTERNAL_ERROR", "An internal service error occurred")

    def _debug_id(self) -> str:
        return f"f{next(self._numbers):012x}"


def _oauth_error(status: int, error: str, description: str) -> Answer:
    return Answer(status=status, body={"error": error, "error_description": description})


def _header(batch: SimBatch) -> dict[str, Any]:
    header: dict[str, Any] = {
        "payout_batch_id": batch.batch_id,
        "batch_status": batch.status,
        "time_created": _time(batch.created_at),
        "sender_batch_header": {"sender_batch_id": f"sender-{batch.batch_id}"},
        "amount": {"value": str(batch.amount), "currency": batch.currency},
        "fees": {"value": "0.00", "currency": batch.currency},
    }
    if batch.completed_at is not None:
        header["time_completed"] = _time(batch.completed_at)
    return header


def _item(batch: SimBatch, item: SimPayout) -> dict[str, Any]:
    body: dict[str, Any] = {
        "payout_item_id": item.item_id,
        "transaction_status": item.status,
        "payout_batch_id": batch.batch_id,
        "payout_item": {
            "recipient_type": "EMAIL",
            "amount": {"value": str(item.amount), "currency": item.currency},
            "receiver": item.receiver,
            "sender_item_id": item.sender_item_id,
        },
    }
    if item.transaction_id is not None:
        body["transaction_id"] = item.transaction_id
    if item.error is not None:
        body["errors"] = {"name": item.error, "message": item.error, "details": []}
    return body


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
