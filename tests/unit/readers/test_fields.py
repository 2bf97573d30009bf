"""Typed JSON values, refused with the place, the value and what it must be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.fields import FieldError, Fields
from tests.unit.given import C

GOOD: list[tuple[Callable[[Fields], object], object, object]] = [
    (lambda f: f.text("x"), "a", "a"),
    (lambda f: f.number("x"), 3, 3),
    (lambda f: f.seconds("x"), 3, 3.0),
    (lambda f: f.seconds("x"), 0.25, 0.25),
    (lambda f: f.flag("x"), False, False),
    (lambda f: f.choice(Verdict, "x"), "CONFIRMED", C),
    (lambda f: f.instant("x"), "2026-01-02T03:04:05.678+01:00",
     datetime(2026, 1, 2, 2, 4, 5, 678_000, tzinfo=timezone.utc)),
    (lambda f: f.instant("x"), "2026-01-02T03:04:05.678Z",
     datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=timezone.utc)),
    (lambda f: f.texts("x"), ["a"], ("a",)),
    (lambda f: f.names("x"), {"a": "b"}, {"a": "b"}),
    (lambda f: f.child("x").text("y"), {"y": "z"}, "z"),
    (lambda f: [c.number("y") for c in f.children("x")], [{"y": 1}, {"y": 2}], [1, 2]),
    (lambda f: f.absent("x"), None, True),
    (lambda f: f.absent("x"), 0, False),
    (lambda f: f.has("x"), 0, True),
    (lambda f: f.has("y"), 0, False),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "value", "answer"), GOOD)
def test_a_value_of_its_type_is_given(
    ask: Callable[[Fields], object], value: object, answer: object
) -> None:
    """Just that value, in Python's type."""
    assert ask(Fields({"x": value})) == answer


BAD: list[tuple[Callable[[Fields], object], object, str]] = [
    (lambda f: f.text("x"), 3, "the record / x is 3; it must be a text"),
    (lambda f: f.text("x"), None, "the record / x is None; it must be a text"),
    (lambda f: f.number("x"), True, "x is True; it must be a whole number"),
    (lambda f: f.number("x"), 1.0, "x is 1.0; it must be a whole number"),
    (lambda f: f.number("x"), "1", "x is '1'; it must be a whole number"),
    (lambda f: f.seconds("x"), -1, "x is -1; it must be a number of seconds"),
    (lambda f: f.seconds("x"), float("inf"), "x is inf; it must be a number of seconds"),
    (lambda f: f.seconds("x"), float("nan"), "x is nan; it must be a number of seconds"),
    (lambda f: f.seconds("x"), True, "x is True; it must be a number of seconds"),
    (lambda f: f.flag("x"), 1, "x is 1; it must be true or false"),
    (lambda f: f.choice(Verdict, "x"), "OK", "it must be one of CONFIRMED, BLOCKED, FAILED"),
    (lambda f: f.choice(Verdict, "x"), ["FAILED"], "x is ['FAILED']; it must be one of"),
    (lambda f: f.instant("x"), "yesterday", "x is 'yesterday'; it must be an instant in ISO 8601"),
    (lambda f: f.instant("x"), "2026-01-02T03:04:05", "an instant in ISO 8601 with its time zone"),
    (lambda f: f.instant("x"), "0001-01-01T00:00:00+14:00", "it must be an instant"),
    (lambda f: f.instant("x"), 3, "x is 3; it must be a text"),
    (lambda f: f.texts("x"), "ab", "x is 'ab'; it must be a list of texts"),
    (lambda f: f.texts("x"), ["a", 1], "x is 1; it must be a list of texts"),
    (lambda f: f.names("x"), [], "x is []; it must be an object of texts"),
    (lambda f: f.names("x"), {"a": 1}, "x is 1; it must be an object of texts"),
    (lambda f: f.child("x"), [], "the record / x is []; it must be an object"),
    (lambda f: list(f.children("x")), {}, "x is {}; it must be a list of objects"),
    (lambda f: list(f.children("x")), [{}, 1], "the record / x 2 is 1; it must be an object"),
    (lambda f: f.child("x").text("y"), {}, "the record / x has no field 'y'"),
    (lambda f: f.absent("y"), {}, "the record has no field 'y'"),
    (lambda f: f.text("x"), list(range(10_000)), "x is [0, 1, 2, 3, 4, 5, ...]; it must be a text"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "value", "message"), BAD, ids=[m for *_, m in BAD])
def test_any_other_value_is_refused(
    ask: Callable[[Fields], object], value: object, message: str
) -> None:
    """The message says where it stands, what stands there (in short) and what must."""
    with pytest.raises(FieldError) as caught:
        ask(Fields({"x": value}))
    assert message in str(caught.value)


def test_what_is_no_object_has_no_fields() -> None:
    """The whole must be an object."""
    with pytest.raises(FieldError, match=r"the record is \[\]; it must be an object"):
        Fields([])
