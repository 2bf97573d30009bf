"""The shape of an object that a record holds by the thousand: fields and their types, at once."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, final

from pytest_prodstatus.readers.fields import Fields

TEXT, FLAG, WHOLE = "a text", "true or false", "a whole number"
TEXT_OR_NULL = "a text or null"
_TYPES: dict[str, tuple[type, ...]] = {
    TEXT: (str,),
    FLAG: (bool,),
    WHOLE: (int,),
    TEXT_OR_NULL: (str, type(None)),
}


@final
class Shape:
    """Some fields of an object and what each of them must be.

    Of ten thousand objects most have the same types, which are looked at once.

    Args:
        fields: what each must be, one of the words above, by its name; two at least.
    """

    __slots__ = ("_fields", "_known", "_values")

    def __init__(self, **fields: str) -> None:
        self._fields = fields
        self._values = itemgetter(*fields)
        self._known: set[tuple[type, ...]] = set()

    def of(self, data: Fields) -> tuple[Any, ...]:
        """Return the fields' values, in the order of the shape.

        Raises:
            FieldError: one is missing, or is not what it must be.
        """
        values: tuple[Any, ...] = data.several(self._values, self._fields)
        types = tuple(map(type, values))
        if types not in self._known:
            for (name, what), kind in zip(self._fields.items(), types, strict=True):
                if kind not in _TYPES[what]:
                    raise data.wrong(name, what)
            self._known.add(types)
        return values
