"""The protocol of the AliExpress Open Platform: one signed call, and the reading of its envelope.

Success lies under the method's name with `_response`; a business failure looks just like it, with
HTTP 200; a gateway failure comes as `error_response` or flat, with any status.

The code shows whose fault it is. The open platform has named codes and a type (ISV: the caller,
ISP: the service behind, SYSTEM: the gateway). Its older gateway numbers the same refusals, with the
cause in `sub_code`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.acceptance.support import fields
from tests.acceptance.support.client import (
    FOREIGN,
    ProviderClient,
    retry_after,
    unreadable,
)
from tests.acceptance.support.clock import utc_now
from tests.acceptance.support.errors import (
    ApiError,
    ClockDiffers,
    CredentialRejected,
    Misconfigured,
    NotFound,
    NotPermitted,
    RateLimited,
    RepeatedOrder,
    RequestRefused,
    Unavailable,
)
from tests.acceptance.support.http import TOTAL_SECONDS, Call, Form, NoAuth, Reply
from tests.acceptance.support.secrets import NOTHING_PRIVATE, Private, Secret

PROVIDER = "AliExpress"

_FINE = (None, "0", "200")
_BAN = re.compile(r"ban will last\s+(?:for\s+)?(\d{1,9}(?:\.\d{1,6})?)\s+(?:more\s+)?second", re.I)

_RESULTS = ("result", "resp_result")
_SUCCESS = ("is_success", "success")
_CODE_OF_ANSWER = ("rsp_code", "resp_code")
_CODE_OF_ERROR = ("error_code", "code")

_CODES: dict[str, type[ApiError]] = {
    "IllegalAccessToken": CredentialRejected,
    "IllegalRefreshToken": CredentialRejected,
    "InvalidAppKey": Misconfigured,
    "IncompleteSignature": Misconfigured,
    "InvalidSignature": Misconfigured,
    "InsufficientPermission": NotPermitted,
    "IllegalTimestamp": ClockDiffers,
    "InvalidTimestamp": ClockDiffers,
    "InvalidApiPath": Misconfigured,
    "MissingParameter": RequestRefused,
    "InvalidParameter": RequestRefused,
    "ApiCallLimit": RateLimited,
    "AppCallLimit": RateLimited,
    # The older gateway's numbers.
    "7": RateLimited,
    "11": Misconfigured,
    "12": Misconfigured,
    "13": Misconfigured,
    "24": Misconfigured,
    "25": Misconfigured,
    "26": CredentialRejected,
    "27": CredentialRejected,
    "28": Misconfigured,
    "29": Misconfigured,
    "31": ClockDiffers,
    "40": RequestRefused,
    "41": RequestRefused,
}
_WORDS = ("sub_msg", "error_msg", "error_message", "message", "msg", "rsp_msg", "resp_msg")
_THINGS = {
    "aliexpress.trade.ds.order.get": "order|trade",
    "aliexpress.ds.product.get": "product|item",
}
"""What a look-up requests; no other method can answer that it doesn't exist."""
# "order not exist", "The order 8001 does not exist.", ORDER_NOT_FOUND: without what is between the
# words, so that there is only one way to read a text, however long.
_MISSING = r"(?:the)?(?:{})(?:id|no|number)?[0-9]*(?:does|is|was)?(?:not|n't)(?:exists?|found)[.!]?"
_ORDER_KEY = re.compile(r"(order|trade)s?(list|ids?|nos?|numbers?)")
# An order's number has 16 digits today; a timestamp has 13, and the id of a request 24 or more.
_ORDER_NUMBER = re.compile(r"(?<![0-9])[0-9]{15,20}(?![0-9])")

REFUSALS = frozenset(
    {
        # The gateway's own: the call never reached the service behind it.
        "IllegalAccessToken",
        "InvalidAppKey",
        "IncompleteSignature",
        "InvalidSignature",
        "InsufficientPermission",
        "IllegalTimestamp",
        "InvalidTimestamp",
        "InvalidApiPath",
        "MissingParameter",
        "InvalidParameter",
        "ApiCallLimit",
        "AppCallLimit",
        # Those that the documentation of aliexpress.ds.order.create gives for a request that makes
        # no order. Left out: ERROR_WHEN_BUILD_FOR_PLACE_ORDER ("system error") and A001 to A006,
        # which it doesn't explain, and REPEATED_ORDER_ERROR, by which an order exists.
        "B_DROPSHIPPER_DELIVERY_ADDRESS_VALIDATE_FAIL",
        "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_CN_INVALID",
        "B_DROPSHIPPER_DELIVERY_ADDRESS_CPF_NOT_MATCH",
        "BLACKLIST_BUYER_IN_LIST",
        "USER_ACCOUNT_DISABLED",
        "PRICE_PAY_CURRENCY_ERROR",
        "DELIVERY_METHOD_NOT_EXIST",
        "INVENTORY_HOLD_ERROR",
        "SKU_NOT_EXIST",
    }
)
"""The codes of a refusal that prove that nothing was ordered; no other answer does."""

STATUSES = frozenset(
    {
        "PLACE_ORDER_SUCCESS",
        "PAYMENT_PROCESSING",
        "WAIT_SELLER_EXAMINE_MONEY",
        "RISK_CONTROL",
        "RISK_CONTROL_HOLD",
        "WAIT_GROUP",
        "WAIT_COMPLETE_ADDRESS",
        "FUND_PROCESSING",
        "WAIT_SELLER_SEND_GOODS",
        "SELLER_PART_SEND_GOODS",
        "WAIT_BUYER_ACCEPT_GOODS",
        "IN_CANCEL",
        "FINISH",
    }
)
"""The statuses of an order that are documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A successful answer.

    Attributes:
        body: what lies under the method's name.
        request_id: the provider's id of the request, "" if it gave none.
        operation: the method.
    """

    body: Mapping[str, Any] = field(repr=False)
    request_id: str
    operation: str

    @property
    def result(self) -> Mapping[str, Any]:
        """The `result` object, empty if there is none."""
        return fields.mapping(self.body.get("result"))

    @property
    def known(self) -> Mapping[str, Any] | None:
        """The `result` object of a look-up; None if the provider answers that there is none.

        Raises:
            Unavailable: there is neither a result nor a code by which the look-up succeeded, or
                there is something where no result is looked for.
        """
        if self.result:
            return self.result
        if fields.text(self.body.get("rsp_code")) is None:
            raise self.unreadable("neither a result nor a code")
        if any(value and isinstance(value, (dict, list)) for value in self.body.values()):
            raise self.unreadable("it has no result, and something else instead")
        return None

    def unreadable(self, detail: str) -> Unavailable:
        """Return the error for an answer of which `detail` can't be read."""
        return unreadable(PROVIDER, self.operation, detail, self.request_id or None)


class Gateway(ProviderClient):
    """Signs, sends and reads calls with one application's key and one seller's token.

    Args:
        base_url: the host's address.
        app_key: the application.
        app_secret: signs its calls.
        access_token: the seller's session.
        timeout: seconds to connect, and between two bytes of an answer.
        clock: returns the time, aware and in UTC.
        sleep: waits for seconds.
        retry_budget: seconds that one question may take with all its repeats.
        private: data of persons, which the provider may repeat and nothing may show.
    """

    provider = PROVIDER

    def __init__(
        self,
        *,
        base_url: str,
        app_key: str,
        app_secret: Secret,
        access_token: Secret,
        timeout: tuple[float, float] = (5, 20),
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        retry_budget: float = 30,
        private: Private = NOTHING_PRIVATE,
    ) -> None:
        super().__init__(
            base_url=base_url, timeout=timeout, clock=clock, sleep=sleep, retry_budget=retry_budget
        )
        self._private = private
        self._app_key = app_key
        self._app_secret = app_secret
        self._access_token = access_token

    def _ask(self, method: str, params: Mapping[str, str] | None = None) -> Envelope:
        """Make a read-only call; repeat it if the provider or the network is at fault."""
        return self._repeat(lambda left: self._call(method, params, within=left))

    def _call(
        self,
        method: str,
        params: Mapping[str, str] | None = None,
        *,
        fresh: bool = False,
        orders: bool = False,
        within: float = TOTAL_SECONDS,
    ) -> Envelope:
        """Make one business call, once.

        Args:
            method: its name, as `aliexpress.trade.ds.order.get`.
            params: its business parameters.
            fresh: use a new connection (see `Transport.exchange`).
            orders: whether it makes an order: a refusal that names one is then Unavailable.
            within: seconds that it may take.

        Raises:
            ApiError: see `errors` for whose fault is which.
        """
        form = self._form(method, params or {})
        call = Call(operation=method, verb="POST", path="/sync", form=form, auth=NoAuth())
        reply = self._transport.exchange(call, fresh=fresh, within=within)
        if orders:
            return self._reading(method, lambda: self._read_ordering(method, reply, form))
        return self._reading(method, lambda: self._read(method, reply))

    def _secrets(self) -> tuple[Secret, ...]:
        return self._app_secret, self._access_token

    def _scrubbed(self, text: str | None) -> str | None:
        if text in _CODES or text in REFUSALS or text in STATUSES:
            return text  # the platform's own words: IN_CANCEL is nobody's state
        # Persons first: scrubbing cuts a long text, and half a value is not found any more.
        return super()._scrubbed(self._private.mask(text) if text else text)

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

    def _read_ordering(self, method: str, reply: Reply, form: Form) -> Envelope:
        try:
            return self._read(method, reply)
        except ApiError as error:
            if not names_order(fields.parse(reply.content), sent=form):
                raise
            refused = {"code": error.code, "request_id": error.request_id}
        contradiction = "it is a refusal that names an order"
        raise self._refusal(Unavailable, method, reply, refused, contradiction)

    def _read(self, method: str, reply: Reply) -> Envelope:
        answer = fields.parse(reply.content)
        error = _gateway_error(method, answer)
        if reply.status == 429:
            raise self._refusal(RateLimited, method, reply, error, "too many requests")
        # A 5xx wins over its body: the order may exist although the body names a refusal.
        if reply.status >= 500:
            raise self._refusal(Unavailable, method, reply, error, "the call was not answered")
        if not 200 <= reply.status < 300 and error is None:
            raise self._refusal(Unavailable, method, reply, None, FOREIGN)
        if error is not None and answer is not None and _key(method) in answer:
            contradiction = "it is a refusal and an answer in one"
            raise self._refusal(Unavailable, method, reply, {}, contradiction)
        if error is not None:
            kind = kind_of_gateway_error(
                fields.text(error.get("code")),
                fields.text(error.get("sub_code")),
                fields.text(error.get("type")),
            )
            raise self._refusal(kind, method, reply, error, "the gateway refused the call")
        body = None if answer is None else _body(method, answer)
        if answer is None or body is None:
            raise self._refusal(
                Unavailable, method, reply, None, "the answer can't be read as JSON of it"
            )
        self._judge(method, reply, body)
        results = [body.get(name) for name in _RESULTS]
        named = {"request_id": body.get("request_id")}
        if any(result and not isinstance(result, dict) for result in results):
            raise self._refusal(Unavailable, method, reply, named, "its result is no JSON object")
        coded = any(fields.text(body.get(name)) for name in _CODE_OF_ANSWER)
        if not coded and not any(isinstance(result, dict) for result in results):
            why = "the answer has neither a result nor a code"
            raise self._refusal(Unavailable, method, reply, named, why)
        request_id = fields.text(body.get("request_id")) or fields.text(answer.get("request_id"))
        request_id = self._scrubbed(request_id)
        return Envelope(body=body, request_id=request_id or "", operation=method)

    def _judge(self, method: str, reply: Reply, body: Mapping[str, Any]) -> None:
        """Refuse a business failure, which looks like a success."""
        facts: dict[str, Any] = {}
        codes: dict[str, object] = {}
        successes = set()
        for part in (body, *(fields.mapping(body.get(name)) for name in _RESULTS)):
            facts.update({name: part[name] for name in _WORDS if part.get(name)})
            for name in (*_CODE_OF_ERROR, *_CODE_OF_ANSWER):
                if fields.text(part.get(name)) not in _FINE:
                    codes.setdefault(name, part[name])
            successes |= {fields.boolean(part.get(name)) for name in _SUCCESS}
        error = next((codes[name] for name in _CODE_OF_ERROR if name in codes), None)
        failed = next((codes[name] for name in _CODE_OF_ANSWER if name in codes), None)
        facts |= {"code": error or failed, "request_id": body.get("request_id")}
        if False not in successes and failed is None:
            # `code` may also be that of a success.
            if error is None or (True in successes and "error_code" not in codes):
                return
            why = "it names an error and doesn't say that it failed"
            raise self._refusal(Unavailable, method, reply, facts, why)
        if True in successes:
            why = "it reports a success and a failure in one"
            raise self._refusal(Unavailable, method, reply, facts, why)
        words = [text for name in _WORDS if (text := fields.text(facts.get(name)))]
        kind = kind_of_business_error(method, fields.text(facts["code"]), words)
        raise self._refusal(kind, method, reply, facts, "the call failed")

    def _refusal(
        self,
        kind: type[ApiError],
        method: str,
        reply: Reply,
        facts: Mapping[str, Any] | None,
        message: str,
    ) -> ApiError:
        facts = facts or {}
        wait = retry_after(reply, self._clock) if reply.status == 429 else None
        if wait is None:
            wait = ban_seconds(" ".join(str(facts.get(key, "")) for key in ("msg", "message")))
        return self._error(
            kind,
            method,
            reply,
            message=message,
            code=_first(facts, "error_code", "sub_code", "code"),
            request_id=_first(facts, "request_id"),
            wait=wait,
        )


def sign(path_or_method: str, params: Mapping[str, str], app_secret: Secret) -> str:
    """Return the `sign` parameter of a call.

    It is the upper-case hex of HMAC-SHA256(app secret, message) in UTF-8. The message is the API
    path (only of a system call) followed by the key and value of every parameter but `sign`, sorted
    by key, with nothing in between.

    Args:
        path_or_method: a method name (`aliexpress.trade.ds.order.get`, or the address path `/sync`
            of all methods), which isn't signed itself; or the path of a system call
            (`/auth/token/create`), which is.
        params: every system and business parameter; a `sign` among them is left out.
        app_secret: the application's secret.
    """
    path = path_or_method if "/" in path_or_method and path_or_method != "/sync" else ""
    message = path + "".join(f"{key}{params[key]}" for key in sorted(params) if key != "sign")
    key = app_secret.reveal().encode()
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest().upper()


def kind_of_gateway_error(
    code: str | None, sub_code: str | None, type_: str | None
) -> type[ApiError]:
    """Return the error that a gateway's refusal stands for.

    What isn't known to be ours is Unavailable: a provider's trouble must never read as a failure of
    the store, nor an order whose fate is unknown as one that was refused.
    """
    for known_code in (sub_code, code):
        prefix = (known_code or "").lower()
        if prefix.startswith("isp."):
            return Unavailable
        if prefix.startswith("isv."):
            return Misconfigured if "permission" in prefix else RequestRefused
    for known_code in (code, sub_code):
        if known_code in _CODES:
            return _CODES[known_code]
    return RequestRefused if (type_ or "").upper() == "ISV" else Unavailable


def kind_of_business_error(method: str, code: str | None, words: Sequence[str]) -> type[ApiError]:
    """Return the error that `is_success: false`, or a code of no success, stands for.

    What isn't documented as a refusal may be the service's own trouble, and so is Unavailable. That
    the requested thing doesn't exist has to be all that is said: in the code or, if that is a
    number, in every sentence. "session expired: member not found" is about something else.

    Args:
        method: what was called: it names the thing that may not exist.
        code: the service's code.
        words: the sentences that it says besides.
    """
    code = code or ""
    if code == "REPEATED_ORDER_ERROR":
        return RepeatedOrder
    # The numbers are the older gateway's; a service has numbers of its own.
    if (code in _CODES and not code.isdigit()) or code.lower().startswith(("isv.", "isp.")):
        return kind_of_gateway_error(code, None, None)
    if code in REFUSALS:
        return RequestRefused
    numbered = code == "" or code.isdigit()
    return NotFound if _is_missing(method, words if numbered else [code]) else Unavailable


def _is_missing(method: str, words: Sequence[str]) -> bool:
    """Return whether each of the texts says that the thing which a method requests is not there."""
    if method not in _THINGS or not words:
        return False
    missing = re.compile(_MISSING.format(_THINGS[method]))
    return all(missing.fullmatch(re.sub(r"[\s_]+", "", text).lower()) for text in words)


def is_about_token(code: str | None) -> bool:
    """Return whether a code says that the token isn't accepted."""
    return _CODES.get(code or "") is CredentialRejected


def names_order(answer: object, *, sent: Mapping[str, str]) -> bool:
    """Return whether an answer names an order of the supplier, under any key or in its words.

    Args:
        answer: the answer, or a part of it.
        sent: what was sent: its numbers, as the product's, name no order if they come back.
    """
    parts = [answer]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            for key, value in part.items():
                plain = key.replace("_", "").lower()
                if plain == "requestid" or not value:
                    continue
                # Our own key of the order may come back, too: it says nothing.
                if plain != "outorderid" and _ORDER_KEY.search(plain):
                    return True
                parts.append(value)
        elif isinstance(part, list):
            parts.extend(part)
        elif any(
            not any(number in value for value in sent.values())
            for number in _ORDER_NUMBER.findall(str(part))
        ):
            return True
    return False


def ban_seconds(message: str) -> float | None:
    """Return N of "… this ban will last N seconds"."""
    found = _BAN.search(message)
    return float(found.group(1)) if found else None


def _gateway_error(method: str, answer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the gateway's refusal, None if the answer isn't one."""
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
    # Some gateways leave the outer object out. Anyone's JSON may have a result.
    named = isinstance(answer.get("result"), dict) and fields.text(answer.get("request_id"))
    return answer if named and fields.text(answer.get("code")) in _FINE else None


def _key(method: str) -> str:
    return f"{method.replace('.', '_')}_response"


def _first(facts: Mapping[str, Any], *keys: str) -> str | None:
    return next((text for key in keys if (text := fields.text(facts.get(key)))), None)
