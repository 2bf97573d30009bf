"""Reading one variable at a time: what is set, what it must look like, what to do if it isn't."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from pytest_prodstatus import Money, blocked
from tests.acceptance.support.base_url import problem_of
from tests.acceptance.support.secrets import Secret

_DURATION = re.compile(r"(\d{1,9})\s*(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=36_500)
_MONEY = re.compile(r"(\d{1,12}(?:\.\d{1,4})?)\s+([A-Z]{3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Variables:
    """The process environment over the `.env` file; a blank variable is an unset one.

    Each method returns None (or the default) for an unset variable and raises Blocked, kind
    missing-config, for one that doesn't have its form. No message shows a secret's value.
    """

    environ: Mapping[str, str] = field(repr=False)  # secrets, and a person's address
    dotenv: Mapping[str, str] = field(repr=False)

    def text(self, name: str) -> str | None:
        """Return the value without the white space around it."""
        for source in (self.environ, self.dotenv):
            value = source.get(name, "").strip()
            if value:
                return _sendable(name, value)
        return None

    def secret(self, name: str) -> Secret | None:
        """Return the value, masked."""
        value = self.text(name)
        return None if value is None else Secret(value)

    def verbatim(self, name: str) -> Secret | None:
        """Return the value masked, with the white space around it; None for an empty one."""
        value = self.environ.get(name) or self.dotenv.get(name)
        return Secret(_sendable(name, value)) if value else None

    def number(self, name: str, default: int, *, least: int = 0) -> int:
        """Return a whole number that is at least `least`."""
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < least:
            _refuse(name, value, f"a whole number, at least {least}", str(default))
        return int(value)

    def duration(self, name: str, default: timedelta) -> timedelta:
        """Return a positive span, written as in `30d`, `24h`, `15m`, `90s` or `500ms`."""
        value = self.text(name)
        if value is None:
            return default
        match = _DURATION.fullmatch(value)
        span = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
        if not timedelta() < span <= _LONGEST:
            _refuse(name, value, "a duration of at most 36500d", "30d")
        return span

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """Return one of the allowed words, in lower case."""
        value = (self.text(name) or default).lower()
        if value not in allowed:
            _refuse(name, value, f"one of {', '.join(allowed)}", allowed[0])
        return value

    def flag(self, name: str) -> bool:
        """Return whether the value is `1`; unset and `0` are False."""
        return self.one_of(name, ("0", "1"), "0") == "1"

    def words(self, name: str) -> frozenset[str]:
        """Return the values of a list that commas, semicolons or white space separate."""
        return frozenset(word for word in re.split(r"[\s,;]+", self.text(name) or "") if word)

    def base_url(self, name: str) -> str | None:
        """Return the address of a host, as in `https://api.example`."""
        value = self.text(name)
        problem = None if value is None else problem_of(value)
        if problem:
            blocked(
                f"{name} can't be used: {problem}",
                kind="missing-config",
                remedy=f"set {name} as in {name}='https://api.example', or unset it",
            )
        return value

    def money(self, name: str) -> Money | None:
        """Return an amount with its currency, written as in `25.00 USD`."""
        value = self.text(name)
        if value is None:
            return None
        match = _MONEY.fullmatch(value)
        if not match:
            _refuse(name, value, "an amount and a currency", "25.00 USD")
        return Money(Decimal(match[1]), match[2])


def is_sendable(value: object) -> bool:
    """Return whether a value, if it is text, can be sent: it has no half of a character.

    JSON may have one, as an escape, and so has a variable that isn't in the machine's encoding.
    """
    return not isinstance(value, str) or value.encode(errors="replace").decode() == value


def _sendable(name: str, value: str) -> str:
    if not is_sendable(value):
        blocked(
            f"{name} is no text in this machine's encoding",
            kind="missing-config",
            remedy=f"set {name} anew, in UTF-8",
        )
    return value


def read_dotenv(path: Path) -> Mapping[str, str]:
    """Return the variables of a `.env` file in UTF-8 or, with a byte-order mark, UTF-16.

    Raises:
        Blocked: missing-config, if it is in another encoding: a guess could give the one real order
            to another address.
    """
    from dotenv import dotenv_values

    content = path.read_bytes()
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # A NUL is what UTF-16 without a mark has between two letters.
    text = content.decode("utf-16" if marked else "utf-8-sig", errors="replace")
    wrong = [n for n, line in enumerate(text.split("\n"), 1) if "\ufffd" in line or "\0" in line]
    if wrong:
        blocked(
            f"line {wrong[0]} of {path.name} is not in UTF-8, so its variables can't be read",
            kind="missing-config",
            remedy=f"save {path.name} as UTF-8",
        )
    values = dotenv_values(stream=io.StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _refuse(name: str, value: str, form: str, example: str) -> NoReturn:
    blocked(
        f"{name} is {value!r}, which is not {form}",
        kind="missing-config",
        remedy=f"set {name} as in {name}='{example}'",
    )
