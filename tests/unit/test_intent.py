"""What the command line itself asks for, without variables, ini files and `addopts`."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_prodstatus.options import intent_of


def intent(line: str, *, marks: str = "", paths: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the intent of a command line whose merged `-m` and paths are these."""
    config: Any = SimpleNamespace(
        invocation_params=SimpleNamespace(args=tuple(shlex.split(line))),
        option=SimpleNamespace(markexpr=marks),
        args=list(paths),
    )
    return intent_of(config)


@pytest.mark.parametrize(
    ("line", "marks", "expected"),
    [
        ("-m production --target shop", "production", ("shop", [], True)),
        ("-mproduction --target=shop", "production", ("shop", [], True)),
        ("-qm production --prodstatus-target=shop", "production", ("shop", [], True)),
        ("-m 'production and not slow'", "production and not slow", ("", [], True)),
        ("-m 'not slow'", "not slow", ("", [], False)),
        ("-m 'not production'", "not production", ("", [], False)),
        ("--target shop", "production", ("shop", [], False)),
        ("--stage api --stage=shop,mail", "", ("", ["api", "shop", "mail"], False)),
        ("--target one --target=two", "", ("two", [], False)),
        ("--target", "", ("", [], False)),
        ("--maxfail=1 --target-other=x", "production", ("", [], False)),
        ("-- --target=shop --stage=api", "", ("", [], False)),
        ("", "production", ("", [], False)),
    ],
)
def test_only_what_is_on_the_command_line_counts(
    line: str, marks: str, expected: tuple[str, list[str], bool]
) -> None:
    """In the long and the short form; the mark of `addopts` alone counts for nothing."""
    found = intent(line, marks=marks)
    assert (found["target"], found["stages"], found["production"]) == expected


def test_a_node_id_is_found_wherever_it_comes_from() -> None:
    """Also from `addopts`: it names one test."""
    assert intent("", paths=("test_a.py::test_b",))["nodes"]
    assert not intent("", paths=("test_a.py", "tests"))["nodes"]


def test_a_worker_takes_its_controller_s() -> None:
    """Its own command line is xdist's."""
    config: Any = SimpleNamespace(workerinput={"prodstatus_intent": {"target": "shop"}})
    assert intent_of(config) == {"target": "shop"}
