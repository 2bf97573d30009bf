"""The public surface as text: every name that a project may use, with its signature."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from msgspec import Struct

import pytest_prodstatus
from pytest_prodstatus import journal
from pytest_prodstatus.writers import exports

_SPECIAL = ("__call__", "__init__")
"""Methods of a class that a project calls or writes, though their names aren't plain ones."""
_OWN = pytest_prodstatus.__name__


def describe_surface() -> str:
    """Return the public names and fixtures, one a line, each with what it takes and gives."""
    lines = [
        line
        for module in (pytest_prodstatus, journal, exports)
        for name in sorted(set(module.__all__) - {"__version__"})
        for line in _of(name, getattr(module, name))
    ]
    return "\n".join([*lines, *sorted(_fixtures())]) + "\n"


def _of(name: str, value: object) -> Iterator[str]:
    if not isinstance(value, type):
        yield f"def {name}{_signature(value)}"
        return
    bases = [base.__name__ for base in value.__bases__ if base.__module__.startswith(_OWN)]
    is_protocol = getattr(value, "_is_protocol", False)
    kind = "protocol" if is_protocol else "class"
    yield f"{kind} {name}" + (f"({', '.join(bases)})" if bases else "")
    if issubclass(value, Struct):
        own = set(value.__annotations__)
        yield from (
            f"    {field}: {value.__annotations__[field]}"
            for field in value.__struct_fields__
            if field in own
        )
    if issubclass(value, Enum):
        yield from (f"    {member.name}" for member in value)
    if dataclasses.is_dataclass(value):
        yield from (f"    {field.name}: {field.type}" for field in dataclasses.fields(value))
    for member, what in sorted(vars(value).items()):
        if isinstance(what, property):
            yield f"    {member}: {_plain(what.fget.__annotations__['return'])}"
        elif isinstance(what, classmethod):
            yield f"    classmethod {member}{_signature(getattr(value, member))}"
        elif inspect.isfunction(what) and _is_public(member, is_protocol=is_protocol):
            yield f"    def {member}{_signature(what)}"


def _is_public(name: str, *, is_protocol: bool) -> bool:
    # A protocol's own __init__ is typing's.
    return name in _SPECIAL[: 1 if is_protocol else 2] or not name.startswith("_")


def _fixtures() -> Iterator[str]:
    # From the source, since how pytest keeps a fixture differs from version to version.
    for path in Path(pytest_prodstatus.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for decorator in map(ast.unparse, node.decorator_list):
                    if decorator.startswith("pytest.fixture"):
                        yield _fixture(node, decorator)


def _fixture(node: ast.FunctionDef, decorator: str) -> str:
    arguments = dict(re.findall(r"(name|scope)='(\w+)'", decorator))
    name, scope = arguments.get("name", node.name), arguments.get("scope", "function")
    gives = ast.unparse(node.returns) if node.returns else "?"
    return f"fixture {name} [{scope}] -> {gives}"


def _signature(value: object) -> str:
    assert callable(value)
    signature = inspect.signature(value)
    taken: list[str] = []
    star = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            taken.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        taken.append(_parameter(parameter))
    return f"({', '.join(taken)}) -> {_plain(signature.return_annotation)}"


def _parameter(parameter: inspect.Parameter) -> str:
    text = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        text = ("*" if parameter.kind is parameter.VAR_POSITIONAL else "**") + text
    if parameter.annotation is not parameter.empty:
        text += f": {_plain(parameter.annotation)}"
    if parameter.default is not parameter.empty:
        default = parameter.default
        if inspect.isfunction(default):
            return f"{text} = {default.__name__}"
        value = default.value if isinstance(default, Enum) else default
        text += f" = {value!r}"
    return text


def _plain(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "?")


if __name__ == "__main__":
    Path(__file__).with_name("surface.txt").write_text(describe_surface(), encoding="utf-8")
