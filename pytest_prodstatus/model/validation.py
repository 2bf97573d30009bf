"""Turn a validation error of msgspec into our sentence: place, value, rule, remedy.

msgspec's message has the path but not the value. The value is looked up in the raw data, and the
allowed values in the types of the Struct.
"""

from __future__ import annotations

import functools
import json
import re
import reprlib
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from msgspec import inspect

# As in "Expected `int`, got `str` - at `$.stages[0].id`"; "`key` in" if a key is wrong.
_AT = re.compile(r"(.*) - at (?:`key` in )?`(\$.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
# JSON types by the names that msgspec's messages use.
_KINDS = {
    "str": ("a text", (str,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (float,)),
    "bool": ("true or false", (bool,)),
    "null": ("null", (type(None),)),
    "array": ("a list", (list,)),
    "object": ("an object", (dict,)),
}
_SHOWN = 60
"""Characters that are shown of a name."""
_INSTANT = "an instant in ISO 8601 with its time zone"

Step: TypeAlias = str | int


class Problem(NamedTuple):
    """A value that msgspec refuses, and why.

    Attributes:
        steps: the path to the value: names, and positions from 0.
        value: the value.
        lacking: the name of a field that an object lacks; "" if it lacks none.
        unknown: the name of a field that an object must not have; "" if it has none.
        names: the names of the fields that it may have.
        rule: what the value must be; "" if only `message` says so.
        listed: what the items of a list must be; "" if it isn't known.
        message: msgspec's own message, or that of a rule between fields.
    """

    steps: list[Step]
    value: object
    lacking: str
    unknown: str
    names: tuple[str, ...]
    rule: str
    listed: str
    message: str


def problem_of(error: Exception, data: object, root: Any) -> Problem:
    """Find out what is wrong with data that msgspec couldn't convert.

    Args:
        error: msgspec's.
        data: the raw data.
        root: the type to which it was to be converted.
    """
    # Without a path, the error is about the whole data.
    found = _AT.fullmatch(str(error))
    message, path = found.groups() if found else (str(error), "$")
    steps, value, kinds = _look_up(path, message, data, _type_info(root))
    lacking = re.fullmatch(r"Object missing required field `(.*)`", message, re.DOTALL)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL)
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    items = [k.item_type for k in kinds if isinstance(k, inspect.VarTupleType)]
    return Problem(
        steps=steps,
        value=value,
        lacking=lacking[1] if lacking else "",
        unknown=unknown[1] if unknown else "",
        names=tuple(dict.fromkeys(f.encode_name for k in structs for f in k.fields)),
        rule=_rule(message, kinds),
        listed="objects" if any(isinstance(i, inspect.StructType) for i in items)
        else "texts" if items else "",
        message=message,
    )  # fmt: skip


def sentence_of(error: Exception, data: object, root: Any) -> str:
    """Say in one sentence what is wrong with a record; the place is written as jq reads it.

    Args:
        error: msgspec's, or a RecursionError.
        data: the raw data.
        root: the type to which it was to be converted.
    """
    if isinstance(error, RecursionError):
        return "the record is nested too deeply"
    problem = problem_of(error, data, root)
    place = "".join(map(_step, problem.steps)).removeprefix(".") or "the record"
    if problem.lacking:
        return f"{place} has no field {problem.lacking!r}"
    if problem.unknown:
        hint = nearest(problem.unknown, problem.names)
        return f"{place} has an unknown field {problem.unknown!r}; {hint}fields are " + ", ".join(
            problem.names
        )
    if problem.rule:
        return f"{place} is {reprlib.repr(problem.value)}; it must be {problem.rule}"
    return f"{place}: {problem.message}"


def _step(step: Step) -> str:
    """Write a step of a path as jq reads it; an odd name is quoted, and a long one shortened."""
    if isinstance(step, int):
        return f"[{step}]"
    name = step if len(step) <= _SHOWN else step[:_SHOWN] + "..."
    return f".{name if re.fullmatch('[A-Za-z0-9_.]+', name) else json.dumps(name)}"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "did you mean 'x'? " with the most similar of `names`; "" if none is similar."""
    import difflib  # imported here, because valid data doesn't need it

    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}? " if near else ""


@functools.cache  # it takes some milliseconds
def _type_info(root: Any) -> inspect.Type:
    return inspect.type_info(root)


def _look_up(
    path: str, message: str, data: object, kind: inspect.Type
) -> tuple[list[Step], object, list[inspect.Type]]:
    """Follow a path: return its steps, the value at its end, and the types allowed there."""
    steps: list[Step] = []
    kinds = [kind]
    for name, number in _STEP.findall(path):
        step: Step = name or number
        if number == "...":  # msgspec's path doesn't name the key of a dict
            step = _offending_key(data, message)
        elif number:
            step = int(number)
        try:
            data = data[step]  # type: ignore[index]  # a wrong type is caught below
        except (TypeError, LookupError):
            data = None
        steps.append(step)
        kinds = [below for option in kinds for below in _types_below(option, step)]
    return steps, data, list(_flatten(kinds))


def _offending_key(data: object, message: str) -> Step:
    """Return the key of the value that msgspec refused; the message only has its type or text."""
    # A guess, if several values of the object have that type: the first is named.
    received = re.search(r"got `(\w+)`", message)
    types = _KINDS[received[1]][1] if received and received[1] in _KINDS else ()
    quoted = re.search(r"value '(.*)'", message, re.DOTALL)
    for key, value in data.items() if isinstance(data, dict) else ():
        if type(value) in types or (quoted and value == quoted[1]):
            return str(key)
    return "..."


def _types_below(kind: inspect.Type, step: Step) -> Iterator[inspect.Type]:
    """Yield the types allowed one step below a value of type `kind`."""
    for option in _flatten([kind]):
        match option:
            case inspect.StructType():
                yield from (f.type for f in option.fields if f.encode_name == step)
                if option.tag_field == step:
                    # msgspec doesn't list the tag among the fields.
                    yield inspect.LiteralType(values=(option.tag,))
            case inspect.VarTupleType() | inspect.ListType():
                yield option.item_type
            case inspect.DictType():
                yield option.value_type


def _flatten(kinds: list[inspect.Type]) -> Iterator[inspect.Type]:
    for kind in kinds:
        match kind:
            case inspect.UnionType():
                yield from _flatten(list(kind.types))
            case inspect.Metadata():
                yield from _flatten([kind.type])
            case _:
                yield kind


def _rule(message: str, kinds: list[inspect.Type]) -> str:
    """Return what the value must be; "" if only `message` says so."""
    if message.startswith(("Invalid enum value", "Invalid value")):
        values = [
            member.value if isinstance(member, Enum) else member
            for kind in kinds
            for member in (
                kind.cls
                if isinstance(kind, inspect.EnumType)
                else kind.values
                if isinstance(kind, inspect.LiteralType)
                else ()
            )
        ]
        return f"one of {', '.join(map(str, values))}"
    if message.startswith("Invalid RFC3339") or "`datetime`" in message:
        return _INSTANT
    if message == "Number out of range":
        return "a number that a float can hold"  # as 1e999 is not
    expected = re.match(r"Expected `([^`]*)`(?:, got `.*`| (matching regex|[<>]=?) (.*))?", message)
    if not expected:
        return ""
    names = expected[1].split(" | ")
    words = " or ".join(_KINDS[name][0] if name in _KINDS else name for name in names)
    if any(isinstance(kind, inspect.DateTimeType) for kind in kinds):
        words = words.replace("a text", _INSTANT)
    if expected[2] == "matching regex":
        return f"{words} that matches {expected[3]}"
    return f"{words} {expected[2]} {expected[3].removesuffix('.0')}" if expected[2] else words
