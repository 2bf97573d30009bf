"""AliExpress error codes, read into whose fault they are.

The open platform has named codes and a type (ISV: the caller, ISP: the service behind, SYSTEM: the
gateway). Its older gateway numbers the same refusals, with the cause in `sub_code`.
"""

from __future__ import annotations

import re

from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    RateLimited,
    RepeatedOrder,
    RequestRefused,
    Unavailable,
)

_BAN = re.compile(r"ban will last\s+(?:for\s+)?(\d{1,9}(?:\.\d{1,6})?)\s+(?:more\s+)?second", re.I)

_CODES: dict[str, type[ApiError]] = {
    "IllegalAccessToken": CredentialRejected,
    "IllegalRefreshToken": CredentialRejected,
    "InvalidAppKey": Misconfigured,
    "IncompleteSignature": Misconfigured,
    "InvalidSignature": Misconfigured,
    "InsufficientPermission": Misconfigured,
    "IllegalTimestamp": Misconfigured,
    "InvalidTimestamp": Misconfigured,
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
    "40": RequestRefused,
    "41": RequestRefused,
}
_UNCERTAIN = re.compile(r"SYSTEM|TIME_?OUT|UNKNOWN|INTERNAL|UNAVAILABLE", re.I)


def kind_of_gateway_error(
    code: str | None, sub_code: str | None, type_: str | None
) -> type[ApiError]:
    """Return the error that a gateway's refusal stands for.

    What isn't known to be ours is Unavailable: a provider's trouble must never read as a failure of
    the store, nor an order whose fate is unknown as one that was refused.
    """
    for each in (sub_code, code):
        prefix = (each or "").lower()
        if prefix.startswith("isp."):
            return Unavailable
        if prefix.startswith("isv."):
            return Misconfigured if "permission" in prefix else RequestRefused
    for each in (code, sub_code):
        if each in _CODES:
            return _CODES[each]
    return RequestRefused if (type_ or "").upper() == "ISV" else Unavailable


def kind_of_business_error(code: str | None) -> type[ApiError]:
    """Return the error that `is_success: false` stands for."""
    if code == "REPEATED_ORDER_ERROR":
        return RepeatedOrder
    if code in _CODES or (code or "").lower().startswith(("isv.", "isp.")):
        return kind_of_gateway_error(code, None, None)
    return Unavailable if _UNCERTAIN.search(code or "") else RequestRefused


def ban_seconds(message: str) -> float | None:
    """Return N of "… this ban will last N seconds"."""
    found = _BAN.search(message)
    return float(found.group(1)) if found else None
