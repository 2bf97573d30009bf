"""A secret in any part of a report is redacted, and the part keeps its type and its look."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.reports import pytest_report_from_serializable, pytest_report_to_serializable

from pytest_prodstatus.redaction import only_passed, redact_report, redact_value

Pair = namedtuple("Pair", "one two")


def hide(text: str) -> str:
    """Redact as a redactor does."""
    return text.replace("secret", "***").replace("folded\nover", "***")


class Part:
    """A part of a representation; pytest's own can print themselves."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(parts)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def toterminal(self, _writer: object) -> None:
        """Print nothing."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a subtest, made like pytest's own."""

    msg: str
    kwargs: dict[str, str]


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("a secret", "a ***"),
        (b"a secret \xff", b"a *** \xff"),
        (["a", 1, "secret"], ["a", 1, "***"]),
        (("secret", 7), ("***", 7)),
        ({"secret": ["secret"]}, {"***": ["***"]}),
        ({"secret", "b"}, {"***", "b"}),
        (frozenset(["secret"]), frozenset(["***"])),
        (Pair("secret", 1), Pair("***", 1)),
        (["x folded", "over y"], ["x *** y"]),
        ([("head", ["secret"])], [("head", ["***"])]),
    ],
)
def test_text_in_any_collection_is_redacted(value: object, clean: object) -> None:
    """Keys and items are redacted at any depth; a collection keeps its type."""
    changed = redact_value(value, hide)
    assert changed == clean
    assert type(changed) is type(clean)


@pytest.mark.parametrize(
    "value", ["plain", b"plain", ["plain", 1], ("plain",), {"a": ["b"]}, {1, 2}, None, 1, 1.5, True]
)
def test_what_holds_no_secret_is_the_same_object(value: object) -> None:
    """A value without secrets is not copied."""
    assert redact_value(value, hide) is value


def test_parts_of_a_representation_are_changed_in_place() -> None:
    """Parts keep their identity, by which pytest links the parts of a chain."""
    crash = Part(message="AssertionError: secret", path="test_api.py")
    entry = Part(lines=["E  secret"], style="long", reprlocals=Part(lines=["key = 'secret'"]))
    exception = Part(
        reprcrash=crash, chain=[(entry, crash, None)], sections=[("name", "secret", "-")]
    )
    assert redact_value(exception, hide) is exception
    assert exception.reprcrash is crash
    assert (crash.message, crash.path) == ("AssertionError: ***", "test_api.py")
    assert (entry.lines, entry.reprlocals.lines) == (["E  ***"], ["key = '***'"])
    assert exception.sections == [("name", "***", "-")]


def test_other_objects_stay_or_become_text() -> None:
    """A test's own object is never changed; if other plugins show it as text, it becomes text."""

    class Own:
        def __init__(self, text: str) -> None:
            self.text = text

        def __repr__(self) -> str:
            return f"<Own {self.text}>"

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    own, broken = Own("secret"), Broken()
    assert redact_value([own], hide)[0] is own
    assert redact_value([own, broken], hide, loose=True) == ["<Own ***>", broken]
    assert own.text == "secret"
    assert redact_value([Path("/a/secret"), Decimal(1)], hide, loose=True) == ["/a/***", Decimal(1)]


def test_a_report_is_redacted_but_for_what_it_is_known_by() -> None:
    """Ids and outcome of a report stay; every other text is redacted, also another plugin's."""
    report = SimpleNamespace(
        nodeid="test_api.py::test_secret",
        location=("test_api.py", 1, "test_secret"),
        keywords={"test_secret": 1},
        outcome="failed",
        when="call",
        longrepr=("test_api.py", 3, "Skipped: secret"),
        sections=[("Captured stdout call", "secret\n")],
        user_properties=[("key", Path("secret"))],
        wasxfail="reason: secret",
        context=Context("secret", {"said": "'secret'"}),
        extras=[{"name": "log", "content": "secret"}],
        description="secret",
        duration=1.5,
        prodstatus='{"evidence": "redacted where it was recorded, as is every secret"}',
    )
    kept = {name: vars(report)[name] for name in ("nodeid", "location", "keywords", "prodstatus")}
    redact_report(report, hide)
    others = {name: value for name, value in vars(report).items() if name not in kept}
    assert "secret" not in repr(others)
    assert {name: vars(report)[name] for name in kept} == kept
    assert report.context.msg == "***"


@pytest.mark.parametrize("crossed", [False, True], ids=["serial", "from a worker"])
def test_a_report_that_only_passed_tells_nothing(crossed: bool) -> None:
    """Nothing that pytest and xdist put into such a report is searched for secrets."""
    report = plain_report()
    if crossed:
        data = pytest_report_to_serializable(report)
        assert data is not None
        report = pytest_report_from_serializable(data)  # type: ignore[assignment]
        # As xdist's controller adds them (workermanage.py), and its worker (remote.py).
        vars(report).update(node=object(), item_index=1, worker_id="gw0", testrun_uid="1")
    assert only_passed(vars(report))


@pytest.mark.parametrize(
    "more",
    [
        {"outcome": "skipped"},
        {"longrepr": "secret"},
        {"sections": [("Captured stdout call", "secret")]},
        {"user_properties": [("key", "secret")]},
        {"wasxfail": "secret"},
        {"extras": ["secret"]},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_report_that_tells_more_is_looked_through(more: dict[str, Any]) -> None:
    """Any attribute that may have a text of the test is searched, also another plugin's."""
    report = plain_report()
    vars(report).update(more)
    assert not only_passed(vars(report))


def plain_report() -> pytest.TestReport:
    """Return a report of a phase that passed, as pytest makes it."""
    return pytest.TestReport(
        nodeid="test_a.py::test_a", location=("test_a.py", 0, "test_a"), keywords={"test_a": 1},
        outcome="passed", longrepr=None, when="call", duration=0.5, start=1.0, stop=2.0,
    )  # fmt: skip
