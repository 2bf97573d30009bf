"""Reading the values of provider JSON, whose numbers and booleans may come as text.

Each reader returns None for what it can't read: it never guesses. Numbers with a fraction are kept
as Decimal from the first character on, so that no amount ever passes through a float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from pytest_prodstatus import Money

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,12})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_TIME_ZONE = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")


def parse(content: bytes) -> Mapping[str, Any] | None:
    """Read a JSON object; None for any other content.

    NaN and Infinity are not JSON, and a name that stands twice with two values says nothing.
    Numbers that no machine can hold are JSON, but nobody's amount.
    """
    try:
        value = json.loads(
            content,
            parse_float=Decimal,
            parse_constant=_refuse,
            object_pairs_hook=_without_contradiction,
        )
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mapping(value: object) -> Mapping[str, Any]:
    """Return the JSON object, or an empty one if it is anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object, *, inside: str) -> list[Any]:
    """Return a list that may stand bare or, as `{inside: […]}`, in an object of its own."""
    if isinstance(value, dict):
        value = value.get(inside)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text(value: object) -> str | None:
    """Return text, or a whole number as text (ids and codes come as either); else None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (str, int)):
        return str(value).strip() or None
    return None


def boolean(value: object) -> bool | None:
    """Return a boolean that may be given as the text "true" or "false"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def number(value: object) -> Decimal | None:
    """Return a finite number that may be given as plain decimal text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        value = str(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    return None


def integer(value: object) -> int | None:
    """Return a whole number that may be given as text."""
    exact = number(value)
    return int(exact) if exact is not None and exact == int(exact) else None


def currency(value: object) -> str | None:
    """Return a currency code of three letters, in capitals."""
    code = (text(value) or "").upper()
    return code if _CURRENCY.fullmatch(code) else None


def money(amount: object, code: object) -> Money | None:
    """Return an amount with its currency, None if either can't be read."""
    exact, known = number(amount), currency(code)
    return None if exact is None or known is None else Money(exact, known)


def instant(value: object) -> datetime | None:
    """Return an ISO 8601 time in UTC; None for one without a time zone."""
    iso = text(value)
    if iso is None or not _TIME_ZONE.search(iso):
        return None
    if iso.endswith("Z"):  # Python 3.10 doesn't read it
        iso = f"{iso[:-1]}+00:00"
    try:
        return datetime.fromisoformat(iso).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _without_contradiction(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs) and any(read[name] != value for name, value in pairs):
        msg = "a name stands for two values"
        raise ValueError(msg)
    return read


def _refuse(constant: str) -> Any:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)
