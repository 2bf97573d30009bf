"""A verdict is carried over only if its test is seen to be there still."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_prodstatus.criteria import Manifest
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.presence import TestFiles, defines, found_in

PARTS = {
    "a.py": frozenset({"a.py::test_b", "a.py::test_p[eu::1]", "a.py::TestIt", "a.py::TestOther"}),
    "a.py::TestIt": frozenset({"a.py::TestIt::test_m"}),
}
SOURCE = b"""
def test_a(): pass
async def test_async(): pass
class TestIt:
    def test_m(self): pass
    class TestInner:
        def test_n(self): pass
class TestHeir(TestIt): pass
if elsewhere:
    def test_if(): pass
test_assigned = test_a
from others import test_imported
def describe_it():
    def holds(): pass
"""


@pytest.mark.parametrize(
    ("nodeid", "found"),
    [
        ("a.py::test_b", True),
        ("a.py::test_gone", False),
        ("a.py::test_p[eu::1]", True),
        ("a.py::test_p[us::1]", False),
        ("a.py::test_b[eu]", False),
        ("a.py::TestIt::test_m", True),
        ("a.py::TestIt::test_gone", False),
        ("a.py::TestGone::test_m", False),
        ("a.py::TestOther::test_m", None),
        ("b.py::test_b", None),
        ("a[1].py::test_b", None),
    ],
)
def test_what_was_collected_of_a_file(nodeid: str, found: bool | None) -> None:
    """A test is there if each node on the way to it was found; unknown if no one looked."""
    assert found_in(PARTS, nodeid) is found


@pytest.mark.parametrize(
    ("nodeid", "there"),
    [
        ("a.py::test_a", True),
        ("a.py::test_async", True),
        ("a.py::TestIt::test_m", True),
        ("a.py::TestIt::TestInner::test_n", True),
        ("a.py::describe_it::holds", True),
        ("a.py::test_m", False),
        ("a.py::TestIt::test_n", False),
        ("a.py::test_a[eu]", False),
        ("a.py::TestHeir::test_m", False),
        ("a.py::test_if", False),
        ("a.py::test_assigned", False),
        ("a.py::test_imported", False),
    ],
)
def test_what_the_text_of_a_file_defines(nodeid: str, there: bool) -> None:
    """Only a function that is certainly defined is there; parameters are never known."""
    assert defines(SOURCE, nodeid) is there


@pytest.mark.parametrize("source", [b"def test_a(:", b"\0", b"\xff\xfe", b"(" * 10_000])
def test_a_file_that_is_no_python_defines_nothing(source: bytes) -> None:
    """A file that isn't Python defines no test."""
    assert not defines(source, "a.py::test_a")


def status(nodeid: str | None, source: str = "", *, observed: Verdict | None) -> CriterionStatus:
    """Return a criterion of an earlier run."""
    confirmed = observed is Verdict.CONFIRMED
    return CriterionStatus(
        id="api.a",
        nodeid=nodeid,
        title="",
        verdict=observed or Verdict.BLOCKED,
        observed=observed,
        sentence=None if confirmed else "it was so",
        kind=None if confirmed else Kind.OBSERVED,
        source=source,
    )


C, F = Verdict.CONFIRMED, Verdict.FAILED


@pytest.mark.parametrize(
    ("nodeid", "source", "observed", "unseen"),
    [
        ("a.py::test_p[eu]", "same", C, False),
        ("a.py::test_p[eu]", "other", C, True),
        ("a.py::test_p[eu]", "", C, True),
        ("a.py::test_a", "other", C, False),
        ("a.py::test_gone", "same", C, False),
        ("a.py::test_gone", "other", C, True),
        ("a.py::test_gone", "other", F, False),
        ("a.py::test_gone", "other", None, False),
        ("gone.py::test_gone", "other", C, False),
        ("complete.py::test_gone", "other", C, False),
        ("a.py::test_collected", "other", C, False),
        ("part.py::test_gone", "same", C, True),
        (None, "", C, False),
    ],
)
def test_what_is_not_seen(
    tmp_path: Path, nodeid: str | None, source: str, observed: Verdict | None, unseen: bool
) -> None:
    """A CONFIRMED whose file changed, or was collected in part, needs its test in sight."""
    for name in ("a.py", "complete.py", "part.py"):
        (tmp_path / name).write_bytes(SOURCE)
    files = TestFiles([tmp_path / "elsewhere", tmp_path])
    digest = files.digest("a.py") if source == "same" else source
    manifest = Manifest(
        criteria=dict.fromkeys(["a.py::test_collected"]),  # type: ignore[arg-type]  # ids alone
        files=frozenset({"complete.py"}),
        parts={"part.py": frozenset({"part.py::test_a"})},
    )
    found = dict(files.unseen([status(nodeid, digest, observed=observed)], manifest))
    assert list(found) == ([nodeid] if unseen else [])
    for reason in found.values():
        assert reason.kind is Kind.NOT_RUN
        assert reason.remedy


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    """It changes with the file, and is empty without one."""
    assert TestFiles([tmp_path]).digest("a.py") == ""
    (tmp_path / "a.py").write_bytes(b"1")
    before = TestFiles([tmp_path]).digest("a.py")
    (tmp_path / "a.py").write_bytes(b"2")
    assert len(before) == 16
    assert TestFiles([tmp_path]).digest("a.py") != before
