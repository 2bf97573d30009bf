"""Many fields of an object are looked at once, as strictly as one by one."""

from __future__ import annotations

import pytest

from pytest_prodstatus.readers.fields import FieldError, Fields
from pytest_prodstatus.readers.shape import FLAG, TEXT, TEXT_OR_NULL, WHOLE, Shape

SHAPE = Shape(name=TEXT, kept=FLAG, count=WHOLE, note=TEXT_OR_NULL)
GOOD = {"name": "a", "kept": True, "count": 3, "note": None}


def test_the_values_come_in_the_order_of_the_shape() -> None:
    """Whatever the order in the object, and whatever else it holds."""
    given = {"else": [], **dict(reversed(GOOD.items()))}
    assert SHAPE.of(Fields(given)) == ("a", True, 3, None)
    assert SHAPE.of(Fields({**given, "note": "b"})) == ("a", True, 3, "b")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("name", None, "a text"),
        ("name", 1, "a text"),
        ("kept", 1, "true or false"),
        ("kept", "true", "true or false"),
        ("count", True, "a whole number"),
        ("count", 1.0, "a whole number"),
        ("note", 1, "a text or null"),
    ],
)
def test_a_wrong_type_is_refused_by_its_name(name: str, value: object, what: str) -> None:
    """Also after a thousand that were right."""
    for _ in range(1_000):
        SHAPE.of(Fields(GOOD))
    with pytest.raises(FieldError, match=f"the record / {name} is .*; it must be {what}$"):
        SHAPE.of(Fields({**GOOD, name: value}))


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field_is_refused_by_its_name(name: str) -> None:
    """None of them has a default."""
    given = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(FieldError, match=f"the record has no field '{name}'"):
        SHAPE.of(Fields(given))
