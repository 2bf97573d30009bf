"""The PayPal client: tokens and payout look-ups; it can't send a payout."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.acceptance.support import fields
from tests.acceptance.support.client import (
    FOREIGN,
    ProviderClient,
    kind_of_status,
    retry_after,
    unreadable,
)
from tests.acceptance.support.clock import utc_now
from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    NotFound,
    OurFault,
    RateLimited,
    Unavailable,
)
from tests.acceptance.support.http import Basic, Bearer, Call, Form, Reply
from tests.acceptance.support.masking import MASK
from tests.acceptance.support.paypal.payouts import BATCH as _BATCH
from tests.acceptance.support.paypal.payouts import (
    PayoutBatch,
    PayoutItem,
    read_batch,
    read_item,
)
from tests.acceptance.support.secrets import Secret

PROVIDER = "PayPal"
PAYOUTS_SCOPE = "https://uri.paypal.com/payments/payouts"
"""The scope that payouts need."""

_TOKEN = "oauth2/token"
_PAGE_SIZE = 1000
_PAGE_LIMIT = 100
_MARGIN = timedelta(seconds=60)
# What RFC 6749 lets a token have, without a space: a header takes no other characters.
_TOKEN_FORM = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+")
_OAUTH_ERRORS = frozenset(
    {
        "invalid_client",
        "invalid_token",
        "invalid_request",
        "invalid_grant",
        "invalid_scope",
        "insufficient_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
"""Those of RFC 6749 and 6750 that a server answers to a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token: what it may do (None if PayPal didn't say so), and until when."""

    value: Secret = field(repr=False)
    scopes: frozenset[str] | None
    expires_at: datetime


class PayPalClient(ProviderClient):
    """Makes calls to PayPal with one application's credential.

    Every method raises `errors.ApiError`: OurFault, ProviderFault or NetworkFault.

    Args:
        base_url: the host's address.
        client_id: the application.
        client_secret: its secret.
        timeout: seconds to connect, and between two bytes of an answer.
        clock: returns the time, aware and in UTC.
        sleep: waits for seconds.
        retry_budget: seconds that one GET may take with all its repeats.
        require_time: called before each further page of a batch; raises at the end of the time.
    """

    provider = PROVIDER

    def __init__(
        self,
        *,
        base_url: str,
        client_id: Secret,
        client_secret: Secret,
        timeout: tuple[float, float] = (5, 20),
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        retry_budget: float = 30,
        require_time: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            base_url=base_url, timeout=timeout, clock=clock, sleep=sleep, retry_budget=retry_budget
        )
        self._client_id = client_id
        self._client_secret = client_secret
        self._require_time = require_time
        self._token: AccessToken | None = None

    def token(self) -> AccessToken:
        """Return a token: the one at hand until a minute before it expires, else a new one.

        Being a POST, the call is made once.
        """
        if self._token is None or self._clock() >= self._token.expires_at - _MARGIN:
            self._token = self._reading(_TOKEN, self._new_token)
        return self._token

    def payout_batch(self, batch_id: str) -> PayoutBatch:
        """Look a batch up, with the items of all its pages.

        Raises:
            NotFound: PayPal doesn't know the batch.
            Unavailable: among others, if pages or items are missing or can't be read: half a
                batch is never returned. A batch has no items if PayPal counts none.
            OutOfTime: there is no time for its further pages.
        """
        return self._reading(_BATCH, lambda: self._whole_batch(batch_id))

    def _whole_batch(self, batch_id: str) -> PayoutBatch:
        items: dict[str, PayoutItem] = {}
        page, pages = 0, 1
        first: Mapping[str, Any] = {}
        promised: int | None = None
        debug_id: str | None = None
        while page < pages:
            page += 1
            if page > 1:
                self._require_time()
            body, debug_id = self._page(batch_id, page)
            if page == 1:
                first = fields.mapping(body.get("batch_header"))
                promised = fields.integer(body.get("total_items"))
                pages = self._pages(body, promised, debug_id)
            known = len(items)
            rows = body.get("items")
            if rows is not None and not isinstance(rows, list):
                raise unreadable(PROVIDER, _BATCH, f"the items of page {page}", debug_id)
            for row in rows or ():
                item = read_item(row)
                if item is None:
                    raise unreadable(PROVIDER, _BATCH, f"an item on page {page}", debug_id)
                items[item.item_id] = item
            if page > 1 and len(items) == known:
                raise unreadable(PROVIDER, _BATCH, f"page {page} has no other items", debug_id)
        if promised is not None and len(items) != promised:
            detail = f"{len(items)} items came instead of {promised}"
            raise unreadable(PROVIDER, _BATCH, detail, debug_id)
        batch = read_batch(first, tuple(items.values()), debug_id)
        if batch is None or batch.batch_id != batch_id:
            raise unreadable(PROVIDER, _BATCH, "it isn't about the requested batch", debug_id)
        if promised is None and not items and batch.status == "SUCCESS":
            raise unreadable(PROVIDER, _BATCH, "neither items nor how many there are", debug_id)
        return self._shown(batch)

    def _shown(self, batch: PayoutBatch) -> PayoutBatch:
        """Return a batch whose ids and statuses, which are shown as PayPal wrote them, are safe."""
        items = tuple(
            replace(
                item,
                item_id=self._code(item.item_id) or MASK,
                status=self._code(item.status) or MASK,
            )
            for item in batch.items
        )
        return replace(batch, status=self._code(batch.status) or MASK, items=items)

    def _pages(self, body: Mapping[str, Any], items: int | None, debug_id: str | None) -> int:
        pages = fields.integer(body.get("total_pages"))
        links = fields.sequence(body.get("links"), inside="links")
        more = any(fields.mapping(link).get("rel") == "next" for link in links)
        if pages is None and more:
            raise unreadable(PROVIDER, _BATCH, "there are more pages, but not how many", debug_id)
        # A page has at least one item.
        most = _PAGE_LIMIT if items is None else min(_PAGE_LIMIT, max(items, 1))
        if pages is not None and pages > most:
            detail = f"{pages} pages are too many for {items or 'its'} items"
            raise unreadable(PROVIDER, _BATCH, detail, debug_id)
        return max(pages or 1, 1)

    def _page(self, batch_id: str, page: int) -> tuple[Mapping[str, Any], str | None]:
        query = {"page": str(page), "page_size": str(_PAGE_SIZE), "total_required": "true"}
        path = f"/v1/payments/payouts/{quote(batch_id, safe='')}"
        return self._get(_BATCH, path, query)

    def _get(
        self, operation: str, path: str, query: Mapping[str, str]
    ) -> tuple[Mapping[str, Any], str | None]:
        kept = self._token
        try:
            return self._get_with(self.token(), operation, path, query)
        except CredentialRejected:
            # A token may be revoked before it expires; a new one that is refused is the answer.
            if kept is None or self._token is not kept:
                raise
            self._token = None
        return self._get_with(self.token(), operation, path, query)

    def _get_with(
        self, token: AccessToken, operation: str, path: str, query: Mapping[str, str]
    ) -> tuple[Mapping[str, Any], str | None]:
        auth = Bearer(token.value)
        call = Call(operation=operation, verb="GET", path=path, query=query, auth=auth)
        return self._repeat(
            lambda left: self._read(operation, self._transport.exchange(call, within=left))
        )

    def _new_token(self) -> AccessToken:
        call = Call(
            operation=_TOKEN,
            verb="POST",
            path="/v1/oauth2/token",
            form=Form(grant_type="client_credentials"),
            auth=Basic(self._client_id, self._client_secret),
        )
        requested_at = self._clock()
        reply = self._once(lambda left: self._transport.exchange(call, within=left))
        body, debug_id = self._read(_TOKEN, reply)
        value = fields.text(body.get("access_token")) or ""
        seconds = fields.integer(body.get("expires_in"))
        if not _TOKEN_FORM.fullmatch(value) or seconds is None or not 0 < seconds < 10**9:
            raise unreadable(PROVIDER, _TOKEN, "no token with an expiry", debug_id)
        return AccessToken(
            value=Secret(value),
            scopes=_scopes(body.get("scope")),
            expires_at=requested_at + timedelta(seconds=seconds),
        )

    def _read(self, operation: str, reply: Reply) -> tuple[Mapping[str, Any], str | None]:
        """Return the body and PayPal's id of the request, or raise the error for the answer."""
        body = fields.parse(reply.content)
        facts = body or {}
        debug_id = self._code(
            fields.text(facts.get("debug_id")) or reply.headers.get("Paypal-Debug-Id")
        )
        kind = _kind(reply.status, facts)
        if kind is None:
            if body is None:
                raise unreadable(PROVIDER, operation, "it isn't JSON", debug_id)
            return body, debug_id
        raise self._error(
            kind,
            operation,
            reply,
            message=self._words(kind, reply, facts),
            code=_code(facts),
            request_id=debug_id,
            wait=retry_after(reply, self._clock) if reply.status == 429 else None,
        )

    def _words(self, kind: type[ApiError], reply: Reply, facts: Mapping[str, Any]) -> str:
        """Return what was wrong, with the codes of the issues that PayPal lists."""
        text = "the call was refused" if issubclass(kind, OurFault) else "the call was not answered"
        if kind is Unavailable and reply.status < 500:
            text = FOREIGN
        rows = fields.sequence(facts.get("details"), inside="details")
        texts = (fields.text(fields.mapping(row).get("issue")) for row in rows[:20])
        return "; ".join([text, *filter(None, map(self._code, texts))])

    def _secrets(self) -> tuple[Secret, ...]:
        token = () if self._token is None else (self._token.value,)
        return (self._client_id, self._client_secret, *token)


def _scopes(value: object) -> frozenset[str] | None:
    """Return the scopes, which may be text or a list; None if there are none."""
    texts = [fields.text(part) or "" for part in fields.sequence(value, inside="scope")]
    return frozenset(" ".join(texts).split()) or None


def _kind(status: int, facts: Mapping[str, Any]) -> type[ApiError] | None:
    if status == 429:
        return RateLimited
    if 300 <= status < 500 and _code(facts) is None:
        return Unavailable
    if status == 404 and _code(facts) == "INVALID_RESOURCE_ID":
        return NotFound
    if 400 <= status < 500 and _code(facts) in ("invalid_client", "invalid_token"):
        return CredentialRejected
    return kind_of_status(status)


def _code(facts: Mapping[str, Any]) -> str | None:
    """Return PayPal's code for an error, None if the answer has none of its form."""
    name, error = fields.text(facts.get("name")) or "", fields.text(facts.get("error"))
    return name if _NAME.fullmatch(name) else error if error in _OAUTH_ERRORS else None
