"""Attachments are handed over bounded, kept beside the record, and make room for later ones."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from pytest_prodstatus.attachments import MB, OFF, Attaching, Folder
from pytest_prodstatus.model.attachment import COUNT_LIMIT
from pytest_prodstatus.model.evidence import Attachment, EvidenceError
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.readers.config import Attachments
from pytest_prodstatus.spool import Spool
from tests.unit.given import status

LIMITS = Attachments(file_mb=1, run_mb=1, folder_mb=1)
PNG = b"\x89PNG\r\n\x1a\n\0"


def picture(number: int, size: int = 100) -> bytes:
    """Return a picture that no other number gives."""
    return PNG + bytes([number]) * (size - len(PNG))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def spool() -> Any:
    """A run's spool."""
    made = Spool()
    made.make()
    yield made
    made.close()


def attaching(spool: Spool, limits: Attachments | None = LIMITS) -> Attaching:
    """Return what takes the attachments of a process."""
    return Attaching(limits, spool, str)


def having(spool: Spool, name: str, *contents: bytes, run: str = "run-1") -> CriterionStatus:
    """Return the status of a criterion that attached pictures in a run."""
    taken = attaching(spool, Attachments())
    for number, content in enumerate(contents):
        taken.attach(f"{number}.png", content)
    return status(name, run_id=run, attachments=tuple(taken.fresh))


def names(*statuses: CriterionStatus) -> list[tuple[str, list[str]]]:
    """Return the names of what each criterion has attached."""
    return [(s.id, [a.name for a in s.attachments or ()]) for s in statuses]


def test_off_is_said_once(spool: Spool) -> None:
    """If attachments are off, one notice says so; none is looked at, and none is refused."""
    taken = attaching(spool, None)
    for data in (b"x", 7, Path("/nowhere"), b"\xff"):
        taken.attach("x", data)
    assert (taken.notices, taken.fresh) == ([OFF], [])
    taken.forget()
    taken.attach("x", b"x")
    assert taken.notices == []


def test_what_can_be_attached(spool: Spool, tmp_path: Path) -> None:
    """Bytes of any type, a text and a path; the content is in the spool."""
    (tmp_path / "x.txt").write_text("from a file")
    taken = attaching(spool)
    for data in (b"a", bytearray(b"b"), memoryview(b"c"), "d", tmp_path / "x.txt"):
        taken.attach("x", data)
    found = [spool.read_attachment(a.sha256) for a in taken.fresh]
    assert found == [b"a", b"b", b"c", b"d", b"from a file"]
    assert taken.unshared == {}


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (7, "give bytes, a text, or a path as a pathlib.Path, not a int"),
        (None, "not a NoneType"),
        (Path("nowhere"), "'nowhere' can't be read (No such file or directory)"),
        (Path(), "can't be read (it is a folder, not a file)"),
        (Path("/dev/zero"), "can't be read (it is a device, not a file)"),
        (Path("nul\0"), "can't be read"),
        (b"x" * (MB + 1), "at most 1,000,000 are kept"),
    ],
)
def test_what_is_refused(spool: Spool, data: object, rule: str) -> None:
    """With one sentence that names it."""
    taken = attaching(spool)
    with pytest.raises(EvidenceError) as caught:
        taken.attach("shot", data)
    text = str(caught.value)
    assert rule in text
    assert text.startswith("attachment 'shot': ")
    assert "\n" not in text
    assert taken.fresh == []


@pytest.mark.parametrize("name", ["", " ", 7, None, b"x"])
def test_a_name_is_a_text(spool: Spool, name: object) -> None:
    """Not empty."""
    with pytest.raises(EvidenceError, match="give it a name"):
        attaching(spool).attach(name, b"x")


def test_a_pipe_that_no_one_writes_is_refused(spool: Spool, tmp_path: Path) -> None:
    """Instead of waiting for it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EvidenceError, match="it is a pipe, and no one writes it"):
        attaching(spool).attach("x", tmp_path / "pipe")


def test_too_large_a_file_is_not_read(spool: Spool, tmp_path: Path) -> None:
    """It is named with the limit."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(EvidenceError, match="it has more than 1,000,000 bytes"):
        attaching(spool).attach("x", tmp_path / "big")


def test_too_many_of_a_criterion(spool: Spool) -> None:
    """Each attempt may have as many."""
    taken = attaching(spool)
    for _ in range(2):
        taken.begin()
        for number in range(COUNT_LIMIT):
            taken.attach("x", str(number))
        with pytest.raises(EvidenceError, match="at most 50 files"):
            taken.attach("x", "more")
    taken.begin()
    assert taken.fresh == []


def test_a_process_hands_over_as_much_as_a_run_keeps(spool: Spool) -> None:
    """More changes no verdict: a notice says it once. The same content counts once."""
    taken = attaching(spool)
    for _ in range(3):
        taken.attach("a.png", picture(1, 600_000))
    taken.attach("b.png", picture(2, 600_000))
    taken.attach("c.png", picture(3, 600_000))
    taken.attach("d.png", picture(4, 300_000))
    assert [a.name for a in taken.fresh] == ["a.png", "a-2.png", "a-3.png", "d.png"]
    assert taken.notices == [
        "the run attached more than 1 MB, so not everything is kept: attach less, or raise run_mb"
    ]


def test_without_a_shared_folder_the_report_has_the_content() -> None:
    """A worker on another machine has a folder, but the one that judges doesn't see it."""
    elsewhere = Spool("/nowhere/of-the-controller")
    taken = attaching(elsewhere)
    taken.attach("x.txt", "text")
    assert taken.unshared == {taken.fresh[0].sha256: b"text"}
    elsewhere.close()


def test_without_any_folder_it_is_named(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The verdict stays, and a notice says that the file got lost."""

    def refuse(**_: object) -> str:
        raise PermissionError

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    spool = Spool()
    spool.make()
    kept = Folder(tmp_path, LIMITS).keep([having(spool, "a.x", PNG)], spool, str, "")
    assert names(*kept.statuses) == [("a.x", [])]
    assert kept.statuses[0].attachments is UNSET
    assert kept.notices == ["an attachment got lost: no temporary file can be written"]


def test_what_counts_is_written(spool: Spool, tmp_path: Path) -> None:
    """Each file under the path that the record gives, with the umask's mode."""
    statuses = [having(spool, "a.x", picture(1)), having(spool, "a.y", picture(1), picture(2))]
    before = os.umask(0o027)
    try:
        kept = Folder(tmp_path, LIMITS).keep(statuses, spool, str, "")
    finally:
        os.umask(before)
    assert (kept.statuses, kept.notices) == (statuses, [])
    files = [*(tmp_path / "attachments" / "run-1").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}
    # The same content under the same name is one file.
    assert {path.read_bytes() for path in files} == {picture(1), picture(2)}
    assert len(files) == 2


def test_names_of_several_starts_differ(spool: Spool, tmp_path: Path) -> None:
    """With `--dist each`, every worker attaches a file of the same name."""
    starts = [having(spool, "a.x", picture(number)).attachments or () for number in (1, 2)]
    both = status("a.x", run_id="run-1", attachments=(*starts[0], *starts[1]))
    kept = Folder(tmp_path, LIMITS).keep([both], spool, str, "")
    assert names(*kept.statuses) == [("a.x", ["0.png", "0-2.png"])]


def test_what_a_run_keeps_depends_on_no_order(spool: Spool, tmp_path: Path) -> None:
    """The first criteria of the catalogue have their files, whichever test was first."""
    statuses = [
        having(spool, "a.x", picture(1, 600_000)),
        having(spool, "a.y", picture(2, 600_000), picture(3, 300_000)),
    ]
    kept = Folder(tmp_path, LIMITS).keep(statuses, spool, str, "")
    assert names(*kept.statuses) == [("a.x", ["0.png"]), ("a.y", ["1.png"])]
    assert len(kept.notices) == 1


def test_a_secret_that_became_known_later_is_taken_out(spool: Spool, tmp_path: Path) -> None:
    """And size and digest are those of the file."""
    taken = attaching(spool)
    taken.attach("x.txt", "the token")
    kept = Folder(tmp_path, LIMITS).keep(
        [status("a.x", run_id="run-1", attachments=tuple(taken.fresh))],
        spool, lambda text: text.replace("token", "***"), "",
    )  # fmt: skip
    (path,) = (tmp_path / "attachments" / "run-1").iterdir()
    assert path.read_text() == "the ***"
    (attachment,) = kept.statuses[0].attachments or ()
    assert (attachment.size, path.name) == (7, attachment.file)


def test_a_folder_that_can_t_be_written_is_named(spool: Spool, tmp_path: Path) -> None:
    """One notice, and the verdicts stay."""
    (tmp_path / "attachments").write_text("a file")
    statuses = [having(spool, "a.x", picture(1), picture(2))]
    kept = Folder(tmp_path, LIMITS).keep(statuses, spool, str, "")
    assert names(*kept.statuses) == [("a.x", [])]
    (notice,) = kept.notices
    assert "attachments/run-1 can't be written (" in notice


def test_the_oldest_runs_make_room(spool: Spool, tmp_path: Path) -> None:
    """Except for those that the record names; a link and a file stay."""
    folder = tmp_path / "attachments"
    for number, run in enumerate(["named", "oldest", "older", "young"]):
        (folder / run).mkdir(parents=True)
        (folder / run / "x.png").write_bytes(picture(9, 300_000))
        os.utime(folder / run, (number, number))
    (tmp_path / "other").mkdir()
    (folder / "link").symlink_to(tmp_path / "other")
    (folder / "file").write_bytes(b"")
    (folder / "named" / ".x.png.12345678.tmp").write_bytes(b"half")
    carried = having(spool, "a.w", picture(8), run="named")
    statuses = [
        having(spool, "a.x", picture(1, 300_000)),
        status("a.w", run_id="named", carried_over=True, attachments=carried.attachments),
    ]
    kept = Folder(tmp_path, LIMITS).keep(statuses, spool, str, "")
    assert kept.statuses == statuses
    assert {path.name for path in folder.iterdir()} == {"named", "young", "run-1", "link", "file"}
    assert [path.name for path in (folder / "named").iterdir()] == ["x.png"]
    assert (tmp_path / "other").is_dir()


def test_a_killed_run_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    """It wrote files and no record; the next run removes them."""
    folder = tmp_path / "attachments" / "killed"
    folder.mkdir(parents=True)
    (folder / "x.png").write_bytes(PNG)
    Folder(tmp_path, LIMITS).keep([status("a.x")], spool, str, "killed")
    assert not folder.exists()


def test_what_is_carried_over_stays_as_it_is(spool: Spool, tmp_path: Path) -> None:
    """Its files are those of the run that observed it, and may be gone."""
    old = status(
        "a.x", run_id="old", carried_over=True,
        attachments=(Attachment(name="x.png", media_type="image/png", size=1, sha256="0" * 64),),
    )  # fmt: skip
    kept = Folder(tmp_path, LIMITS).keep([old], spool, str, "old")
    assert (kept.statuses, kept.notices) == ([old], [])
