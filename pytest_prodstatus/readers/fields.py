"""Typed access to JSON values, refused with the place, the value and what it must be."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from enum import Enum
from typing import TypeVar

E = TypeVar("E", bound=Enum)
T = TypeVar("T")


class FieldError(ValueError):
    """A JSON value of the wrong type, or none; the message says where and what must stand there."""


class Fields:
    """One JSON object, read field by field.

    Where it stands is put into words only for a message: a record has a hundred thousand fields.
    """

    __slots__ = ("_data", "_name", "_parent")

    def __init__(
        self, data: object, name: str = "the record", parent: Fields | None = None
    ) -> None:
        self._name = name
        self._parent = parent
        if type(data) is not dict:
            raise _refusal(data, self._place, "an object")
        self._data: dict[str, object] = data

    @property
    def _place(self) -> str:
        return self._parent.place(self._name) if self._parent else self._name

    def raw(self, name: str) -> object:
        """Return a field's value, whatever it is."""
        try:
            return self._data[name]
        except KeyError:
            msg = f"{self._place} has no field {name!r}"
            raise FieldError(msg) from None

    def several(
        self, values: Callable[[dict[str, object]], tuple[object, ...]], names: Iterable[str]
    ) -> tuple[object, ...]:
        """Return several fields' values, whatever they are; `values` takes those of `names`."""
        try:
            return values(self._data)
        except KeyError:
            return tuple(self.raw(name) for name in names)

    def place(self, name: str) -> str:
        """Return how messages call a field."""
        return f"{self._place} / {name}"

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._data.get(name)
        if type(value) is str:
            return value
        raise self.wrong(name, "a text")

    def text_or_null(self, name: str) -> str | None:
        """Return a text; None where null stands."""
        value = self._data.get(name)
        if type(value) is str or (value is None and name in self._data):
            return value
        raise self.wrong(name, "a text")

    def number(self, name: str) -> int:
        """Return a whole number."""
        value = self._data.get(name)
        if type(value) is int:  # not isinstance: a bool is no number
            return value
        raise self.wrong(name, "a whole number")

    def seconds(self, name: str) -> float:
        """Return a finite number that isn't negative."""
        value = self._data.get(name)
        # A number may be NaN, or too long for a float.
        if type(value) in (int, float) and 0 <= value <= sys.float_info.max:  # type: ignore[operator]
            return float(value)  # type: ignore[arg-type]
        raise self.wrong(name, "a number of seconds")

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._data.get(name)
        if type(value) is bool:
            return value
        raise self.wrong(name, "true or false")

    def choice(self, kind: type[E], name: str) -> E:
        """Return the member of `kind` that a text names."""
        value = self.raw(name)
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(member.value for member in kind)
            raise self.wrong(name, f"one of {known}") from None

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
            if instant.tzinfo is timezone.utc:
                return instant
            if instant.tzinfo is not None:
                return instant.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            pass
        raise self.wrong(name, "an instant in ISO 8601 with its time zone")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self._field(list, name, "a list of texts")
        return tuple(self._text(item, name, "a list of texts") for item in values)

    def names(self, name: str) -> dict[str, str]:
        """Return an object whose values are texts."""
        values = self._field(dict, name, "an object of texts")
        return {key: self._text(v, name, "an object of texts") for key, v in values.items()}

    def child(self, name: str) -> Fields:
        """Return an object."""
        return Fields(self.raw(name), name, self)

    def children(self, name: str) -> Iterator[Fields]:
        """Return a list's objects."""
        values = self._field(list, name, "a list of objects")
        return (Fields(item, f"{name} {n}", self) for n, item in enumerate(values, 1))

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
        value = self.raw(name)
        if type(value) is kind:
            return value
        raise self.wrong(name, what)

    def _text(self, value: object, name: str, what: str) -> str:
        if type(value) is str:
            return value
        raise _refusal(value, self.place(name), what)


def _refusal(value: object, place: str, what: str) -> FieldError:
    return FieldError(f"{place} is {reprlib.repr(value)}; it must be {what}")
