"""One signed call to the AliExpress Open Platform, and the reading of its envelope.

Success lies under the method's name with `_response`; a business failure looks just like it, with
HTTP 200; a gateway failure comes as `error_response` or flat, whatever the status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from tests.acceptance.support import fields
from tests.acceptance.support.aliexpress_errors import (
    ban_seconds,
    kind_of_business_error,
    kind_of_gateway_error,
)
from tests.acceptance.support.classify import kind_of_status, retry_after
from tests.acceptance.support.errors import ApiError, RateLimited, Unavailable
from tests.acceptance.support.http import Call, Form, NoAuth, Reply, Transport, scrubbed
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.signing import sign

PROVIDER = "AliExpress"

_FINE = (None, "0", "200")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A successful answer.

    Attributes:
        body: what lies under the method's name.
        request_id: the provider's id of the request, "" where it gave none.
        operation: the method.
    """

    body: Mapping[str, Any] = field(repr=False)
    request_id: str
    operation: str

    @property
    def result(self) -> Mapping[str, Any]:
        """The `result` object, empty where there is none."""
        return fields.mapping(self.body.get("result"))

    def unreadable(self, what: str) -> Unavailable:
        """Return the error that says what can't be read in this answer."""
        return Unavailable(
            provider=PROVIDER,
            operation=self.operation,
            message=f"the answer can't be read: {what}",
            request_id=self.request_id or None,
        )


class Gateway:
    """Signs, sends and reads calls; it makes each just once.

    Args:
        transport: sends them.
        app_key: the application.
        app_secret: signs the calls.
        access_token: the seller's session.
        clock: tells the time in UTC.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        app_key: str,
        app_secret: Secret,
        access_token: Secret,
        clock: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._app_key = app_key
        self._app_secret = app_secret
        self._access_token = access_token
        self._clock = clock

    def call(
        self, method: str, params: Mapping[str, str] | None = None, *, fresh: bool = False
    ) -> Envelope:
        """Make one business call.

        Args:
            method: its name, as `aliexpress.trade.ds.order.get`.
            params: its business parameters.
            fresh: use a new connection (see `Transport.exchange`).

        Raises:
            ApiError: by the table in PROVIDERS' envelopes; see `errors` for whose fault is which.
        """
        form = self._form(method, params or {})
        call = Call(operation=method, verb="POST", path="/sync", form=form, auth=NoAuth())
        return self._read(method, self._transport.exchange(call, fresh=fresh))

    def _form(self, method: str, params: Mapping[str, str]) -> Form:
        form = Form(
            params,
            app_key=self._app_key,
            method=method,
            timestamp=str(int(self._clock().timestamp() * 1000)),
            sign_method="sha256",
            session=self._access_token.reveal(),
            format="json",
            v="2.0",
            simplify="false",
        )
        form["sign"] = sign(method, form, self._app_secret)
        return form

    def _read(self, method: str, reply: Reply) -> Envelope:
        answer = fields.parse(reply.content)
        error = _gateway_error(method, answer)
        if reply.status == 429:
            seconds = retry_after(reply, self._clock)
            self._fail(RateLimited, method, reply, error, "too many requests", seconds=seconds)
        by_status = kind_of_status(reply.status)
        if by_status is not None and (error is None or reply.status >= 500):
            self._fail(by_status, method, reply, error, "the call was not answered")
        if error is not None:
            kind = kind_of_gateway_error(
                fields.text(error.get("code")),
                fields.text(error.get("sub_code")),
                fields.text(error.get("type")),
            )
            self._fail(kind, method, reply, error, "the gateway refused the call")
        body = None if answer is None else _body(method, answer)
        if answer is None or body is None:
            self._fail(Unavailable, method, reply, None, "the answer can't be read as JSON of it")
        self._judge(method, reply, body)
        request_id = fields.text(body.get("request_id")) or fields.text(answer.get("request_id"))
        return Envelope(body=body, request_id=request_id or "", operation=method)

    def _judge(self, method: str, reply: Reply, body: Mapping[str, Any]) -> None:
        """Refuse a business failure, which comes in a success's clothes."""
        result = fields.mapping(body.get("result"))
        said = [fields.boolean(result.get(key)) for key in ("is_success", "success")]
        if False in said:
            facts = {**result, "request_id": body.get("request_id")}
        elif fields.text(body.get("rsp_code")) not in _FINE:
            facts = {
                "code": body.get("rsp_code"),
                "msg": body.get("rsp_msg"),
                "request_id": body.get("request_id"),
            }
        else:
            return
        code = fields.text(facts.get("error_code")) or fields.text(facts.get("code"))
        if facts.get("order_list"):
            self._fail(
                Unavailable, method, reply, facts, "it names an order and says that it failed"
            )
        self._fail(kind_of_business_error(code), method, reply, facts, "the call failed")

    def _fail(
        self,
        kind: type[ApiError],
        method: str,
        reply: Reply,
        facts: Mapping[str, Any] | None,
        otherwise: str,
        *,
        seconds: float | None = None,
    ) -> NoReturn:
        facts = facts or {}
        words = _first(facts, "sub_msg", "error_msg", "error_message", "message", "msg")
        arguments: dict[str, Any] = {
            "provider": PROVIDER,
            "operation": method,
            "message": self._scrubbed(words) or otherwise,
            "code": self._scrubbed(_first(facts, "error_code", "sub_code", "code")),
            "request_id": self._scrubbed(_first(facts, "request_id")),
            "http_status": reply.status,
        }
        if issubclass(kind, RateLimited):
            ban = ban_seconds(" ".join(str(facts.get(key, "")) for key in ("msg", "message")))
            raise kind(retry_after=ban if seconds is None else seconds, **arguments)
        raise kind(**arguments)

    def _scrubbed(self, words: str | None) -> str | None:
        return scrubbed(words, (self._app_secret, self._access_token)) if words else None


def _gateway_error(method: str, answer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the gateway's refusal, None where the answer isn't one."""
    if answer is None:
        return None
    nested = answer.get("error_response")
    if isinstance(nested, dict):
        return {"request_id": answer.get("request_id"), **nested}
    code = fields.text(answer.get("code"))
    return answer if code not in _FINE and _key(method) not in answer else None


def _body(method: str, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    body = answer.get(_key(method))
    if isinstance(body, dict):
        return body
    # Some gateways leave the outer object out.
    flat = "result" in answer and fields.text(answer.get("code")) in _FINE
    return answer if flat else None


def _key(method: str) -> str:
    return f"{method.replace('.', '_')}_response"


def _first(facts: Mapping[str, Any], *keys: str) -> str | None:
    return next((said for key in keys if (said := fields.text(facts.get(key)))), None)
