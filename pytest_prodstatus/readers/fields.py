"""Typed access to JSON values, refused with the place, the value and what it must be."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator
from datetime import datetime, timezone
from enum import Enum
from typing import TypeVar

E = TypeVar("E", bound=Enum)
T = TypeVar("T")


class FieldError(ValueError):
    """A JSON value of the wrong type, or none; the message says where and what must stand there."""


class Fields:
    """One JSON object, read field by field."""

    def __init__(self, data: object, place: str = "the record") -> None:
        self._place = place
        self._data = _of(dict, data, place, "an object")

    def raw(self, name: str) -> object:
        """Return a field's value, whatever it is."""
        if name not in self._data:
            msg = f"{self._place} has no field {name!r}"
            raise FieldError(msg)
        return self._data[name]

    def place(self, name: str) -> str:
        """Return how messages call a field."""
        return f"{self._place} / {name}"

    def text(self, name: str) -> str:
        """Return a text."""
        return self._field(str, name, "a text")

    def number(self, name: str) -> int:
        """Return a whole number."""
        return self._field(int, name, "a whole number")

    def seconds(self, name: str) -> float:
        """Return a finite number that isn't negative."""
        value = self.raw(name)
        if type(value) in (int, float) and 0 <= float(str(value)) < math.inf:
            return float(str(value))
        raise self.wrong(name, "a number of seconds")

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return self._field(bool, name, "true or false")

    def choice(self, kind: type[E], name: str) -> E:
        """Return the member of `kind` that a text names."""
        members = {member.value: member for member in kind}
        value = self.raw(name)
        if isinstance(value, str) and value in members:
            return members[value]
        raise self.wrong(name, f"one of {', '.join(members)}")

    def instant(self, name: str) -> datetime:
        """Return an instant, in UTC."""
        return self._instant(self.text(name), name)

    def all_instants(self) -> dict[str, tuple[datetime, ...]]:
        """Return every field, each a list of instants."""
        return {
            name: tuple(self._instant(text, name) for text in self.texts(name))
            for name in self._data
        }

    def _instant(self, text: str, name: str) -> datetime:
        try:
            # Python 3.10's fromisoformat knows no "Z".
            instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
            if instant.tzinfo is not None:
                return instant.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            pass
        raise self.wrong(name, "an instant in ISO 8601 with its time zone")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self._field(list, name, "a list of texts")
        return tuple(_of(str, item, self.place(name), "a list of texts") for item in values)

    def names(self, name: str) -> dict[str, str]:
        """Return an object whose values are texts."""
        values = self._field(dict, name, "an object of texts")
        return {
            key: _of(str, v, self.place(name), "an object of texts") for key, v in values.items()
        }

    def child(self, name: str) -> Fields:
        """Return an object."""
        return Fields(self.raw(name), self.place(name))

    def children(self, name: str) -> Iterator[Fields]:
        """Return a list's objects."""
        values = self._field(list, name, "a list of objects")
        return (Fields(item, f"{self.place(name)} {n}") for n, item in enumerate(values, 1))

    def has(self, name: str) -> bool:
        """Return whether there is a field of this name."""
        return name in self._data

    def absent(self, name: str) -> bool:
        """Return whether a field that must be there is null."""
        return self.raw(name) is None

    def items(self) -> Iterator[tuple[str, object]]:
        """Return all fields."""
        return iter(self._data.items())

    def wrong(self, name: str, what: str) -> FieldError:
        """Return the error that refuses a field."""
        return _refusal(self.raw(name), self.place(name), what)

    def refusal(self, what: str) -> FieldError:
        """Return the error that refuses the whole object."""
        return _refusal(self._data, self._place, what)

    def _field(self, kind: type[T], name: str, what: str) -> T:
        return _of(kind, self.raw(name), self.place(name), what)


def _of(kind: type[T], value: object, place: str, what: str) -> T:
    # Not isinstance: a bool is no number.
    if type(value) is kind:
        return value
    raise _refusal(value, place, what)


def _refusal(value: object, place: str, what: str) -> FieldError:
    return FieldError(f"{place} is {reprlib.repr(value)}; it must be {what}")
