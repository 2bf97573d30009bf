"""A PayPal with the token and payout look-up calls, over HTTP on this machine.

It knows one application, its tokens and the payout batches.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from tests.acceptance.demo.simulator import Answer, Request, Simulator, SimulatorState

PAYOUTS_SCOPE = "https://uri.paypal.com/payments/payouts"

_PAYOUTS = "/v1/payments/payouts/"
_ITEMS = "/v1/payments/payouts-item/"


@dataclass(slots=True, kw_only=True)
class SimPayout:
    """One payment of a batch.

    Attributes:
        item_id: PayPal's id of it.
        amount: how much.
        receiver: to whom.
        status: its `transaction_status`.
        currency: of the amount.
        transaction_id: the payment's id, None if there is none yet.
        sender_item_id: the sender's id of it.
        error: the name of what went wrong.
    """

    item_id: str
    amount: Decimal
    receiver: str
    status: str = "SUCCESS"
    currency: str = "USD"
    transaction_id: str | None = None
    sender_item_id: str | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class SimBatch:
    """A batch of payouts, in the currency of its first item; "" is the platform's application."""

    batch_id: str
    items: list[SimPayout]
    status: str
    created_at: datetime
    completed_at: datetime | None
    application: str = ""

    @property
    def amount(self) -> Decimal:
        """What all its items come to."""
        return sum((item.amount for item in self.items), Decimal(0))

    @property
    def currency(self) -> str:
        """The currency of its first item."""
        return self.items[0].currency if self.items else "USD"


@dataclass(slots=True, kw_only=True)
class PayoutState(SimulatorState):
    """PayPal's side; fill it with `add_batch`.

    Attributes:
        client_id: the platform's application.
        client_secret: its secret.
        applications: the secrets of the other applications; each finds only its own batches.
        scopes: what its tokens may do.
        token_lifetime: how long a token is good for.
        page_limit: the most items on one page, also if a request names a larger page size.
        sender_restricted: refuse payout look-ups with 403 SENDER_RESTRICTED.
        batches: by batch id.
        tokens: the tokens given out, each with its end; clear it to revoke them.
        holders: the application that each token was given to.
    """

    client_id: str
    client_secret: str = field(repr=False)
    applications: dict[str, str] = field(default_factory=dict, repr=False)
    scopes: tuple[str, ...] = (PAYOUTS_SCOPE, "openid")
    token_lifetime: timedelta = timedelta(hours=9)
    page_limit: int = 1000
    sender_restricted: bool = False
    batches: dict[str, SimBatch] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict, repr=False)
    holders: dict[str, str] = field(default_factory=dict, repr=False)

    def add_batch(
        self,
        batch_id: str,
        items: Iterable[SimPayout],
        status: str = "SUCCESS",
        *,
        created_at: datetime | None = None,
        completed_at: datetime | None = None,
    ) -> SimBatch:
        """Make a batch known; one that was processed is completed when it was made, by default."""
        created = created_at or self.clock()
        if completed_at is None and status == "SUCCESS":
            completed_at = created
        batch = SimBatch(
            batch_id=batch_id,
            items=list(items),
            status=status,
            created_at=created,
            completed_at=completed_at,
        )
        self.batches[batch_id] = batch
        return batch

    def item(self, item_id: str) -> tuple[SimBatch, SimPayout] | None:
        """Return the item of that id and its batch."""
        for batch in self.batches.values():
            for item in batch.items:
                if item.item_id == item_id:
                    return batch, item
        return None


class PayPalSimulator(Simulator[PayoutState]):
    """Serves a `PayoutState`."""

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
            pair = base64.b64decode(encoded, validate=True) if kind == "Basic" else b""
        except binascii.Error:
            pair = b""
        client_id, _, secret = pair.decode("utf-8", "replace").partition(":")
        known = {state.client_id: state.client_secret, **state.applications}
        if not hmac.compare_digest(secret.encode(), known.get(client_id, "\0").encode()):
            return _oauth_error(401, "invalid_client", "Client Authentication failed")
        if request.form.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "Grant Type is NULL")
        token = f"A21AA{secrets.token_hex(24)}"
        state.tokens[token] = state.clock() + state.token_lifetime
        state.holders[token] = "" if client_id == state.client_id else client_id
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
        token = request.headers.get("authorization", "").partition(" ")[2]
        if batch is None or batch.application != self.state.holders.get(token, ""):
            return self._unknown()
        page, size = request.query.get("page", "1"), request.query.get("page_size", "1000")
        numbers_ok = page.isdecimal() and size.isdecimal()
        if not numbers_ok or not (int(page) >= 1 and 1 <= int(size) <= 1000):
            return self._error(400, "VALIDATION_ERROR", "Invalid request - see details", page=page)
        page_size = min(int(size), self.state.page_limit)
        first = (int(page) - 1) * page_size
        pages = max(-(-len(batch.items) // page_size), 1)
        body: dict[str, Any] = {
            "batch_header": _header(batch),
            "items": [_item(batch, item) for item in batch.items[first : first + page_size]],
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
        response = self._error(429, "RATE_LIMIT_REACHED", "Too many requests. Blocked")
        headers = {**response.headers, "Retry-After": f"{seconds:g}"}
        return Answer(status=429, body=response.body, headers=headers)

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
