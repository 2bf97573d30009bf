"""A verdict is carried over only if its test is seen to be there still."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_prodstatus.criteria import Manifest
from pytest_prodstatus.model.catalogue import Criterion
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.presence import TestFiles, found_in

PARTS = {
    "a.py": frozenset({"a.py::test_b", "a.py::test_p[eu::1]", "a.py::TestIt", "a.py::TestOther"}),
    "a.py::TestIt": frozenset({"a.py::TestIt::test_m"}),
}
SOURCE = b"def test_a(): pass\n"


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
        ("a.py::test_a", "", C, True),
        ("a.py::test_a", "other", C, True),
        ("a.py::test_a", "other", F, False),
        ("a.py::test_a", "other", None, False),
        ("gone.py::test_gone", "other", C, False),
        ("complete.py::test_gone", "other", C, False),
        ("part.py::test_gone", "same", C, True),
        (None, "", C, False),
    ],
)
def test_what_is_not_seen(
    tmp_path: Path, nodeid: str | None, source: str, observed: Verdict | None, unseen: bool
) -> None:
    """A CONFIRMED is kept only of a file that is known to be what it was."""
    for name in ("a.py", "complete.py", "part.py"):
        (tmp_path / name).write_bytes(SOURCE)
    files = TestFiles([tmp_path / "elsewhere", tmp_path])
    digest = files.digest("a.py") if source == "same" else source
    manifest = Manifest(
        files=frozenset({"complete.py"}),
        parts={"part.py": frozenset({"part.py::test_a"})},
    )
    found = dict(files.unseen([status(nodeid, digest, observed=observed)], manifest))
    assert list(found) == (["api.a"] if unseen else [])
    for reason in found.values():
        assert reason.kind is Kind.NOT_RUN
        assert reason.remedy


@pytest.mark.parametrize(
    ("nodeid", "deselected", "source", "unseen"),
    [
        ("a.py::test_a", True, "same", False),
        ("a.py::test_a", True, "other", True),
        ("a.py::test_a", False, "other", False),  # it runs
        ("a.py::test_renamed", True, "same", False),  # the name alone, by the mark
        ("b.py::test_a", True, "same", True),  # moved to another file
    ],
)
def test_what_is_collected_and_does_not_run(
    tmp_path: Path, nodeid: str, deselected: bool, source: str, unseen: bool
) -> None:
    """A test that is collected is compared as any other, unless it runs."""
    (tmp_path / "a.py").write_bytes(SOURCE)
    (tmp_path / "b.py").write_bytes(SOURCE + SOURCE)
    files = TestFiles([tmp_path])
    digest = files.digest("a.py") if source == "same" else source
    criterion = Criterion(id="api.a", stage="api", nodeid=nodeid, title="")
    manifest = Manifest(
        criteria={nodeid: criterion}, deselected=frozenset({nodeid} if deselected else ())
    )
    found = dict(files.unseen([status("a.py::test_a", digest, observed=C)], manifest))
    assert list(found) == (["api.a"] if unseen else [])


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ("api/sub/test_a.py", False),
        ("api/sub/conftest.py", False),
        ("api/__init__.py", False),
        ("conftest.py", False),
        ("api/sub/test_b.py", True),
        ("other/conftest.py", True),
    ],
)
def test_the_digest_of_a_file(tmp_path: Path, changed: str, same: bool) -> None:
    """It changes with the file and with what pytest imports on the way to it."""
    for folder in ("api/sub", "other"):
        (tmp_path / folder).mkdir(parents=True)
    assert TestFiles([tmp_path]).digest("api/sub/test_a.py") == ""
    (tmp_path / "api/sub/test_a.py").write_bytes(SOURCE)
    before = TestFiles([tmp_path]).digest("api/sub/test_a.py")
    assert len(before) == 16
    with (tmp_path / changed).open("ab") as file:
        file.write(b"# more")
    assert (TestFiles([tmp_path]).digest("api/sub/test_a.py") == before) is same


def test_what_can_not_be_read_has_no_digest(tmp_path: Path) -> None:
    """A folder in the place of a conftest can't be compared."""
    (tmp_path / "a.py").write_bytes(SOURCE)
    (tmp_path / "conftest.py").mkdir()
    assert TestFiles([tmp_path]).digest("a.py") == ""
