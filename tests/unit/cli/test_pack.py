"""A run that is kept is found by its id: packed as one archive, rendered, compared, deleted."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from pytest_prodstatus.model.attachment import path_of
from pytest_prodstatus.model.codec import record_pieces
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.project import Project, config_in
from pytest_prodstatus.publish import Archive, publish
from tests.unit.cli.conftest import Shop
from tests.unit.given import HOUR, NOW, F

HOSTILE = ["../x", "/etc/passwd", "x" * 5_000, "a\nb", "-", "..", "con", "x\udc80"]


@pytest.fixture
def kept(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """A project with two kept runs: `run-1` with an open gate, then `run-2`."""
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{tmp_path / 'kept.sqlite3'}")
    keep(shop, id="run-1", started=NOW - 2 * HOUR)
    keep(shop, worse={"api.key": F}, id="run-2")
    return shop


def keep(shop: Shop, worse: dict[str, Any] | None = None, **more: Any) -> Record:
    """Publish a record and keep it, as a run does."""
    record = shop.record(worse, **more)
    archive = Archive(shop.root, saves=True)
    saved = archive.keep(record)
    assert saved.unsaved is None
    project = Project(root=shop.root, config=config_in(shop.root))
    done = publish(saved.record, project.config, project.layout(shop.reports))
    assert archive.keep_record(done.record) == ""
    return done.record


def packed(path: Path) -> dict[str, bytes]:
    """Return the files of an archive by their names, and check that all are in one folder."""
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert {name.count("/") for name in names} == {1}
        assert len({name.partition("/")[0] for name in names}) == 1
        files = {}
        for name in names:
            file = tar.extractfile(name)
            assert file is not None
            files[name.partition("/")[2]] = file.read()
        return files


@pytest.mark.slow  # runs a process
def test_a_run_is_packed(kept: Shop, tmp_path: Path) -> None:
    """Record, page, document, evidence and digests; sha256sum accepts all of them."""
    done = kept("pack", "run-1")
    assert (done.exit_code, done.stdout) == (0, "wrote prodstatus-run-1.tar.gz\n")
    files = packed(kept.root / "prodstatus-run-1.tar.gz")
    assert sorted(files) == [
        "SHA256SUMS", "STATUS.md", "evidence.json", "status.html", "status.json"
    ]  # fmt: skip
    assert b'"id": "run-1"' in files["status.json"]
    assert b"CONFIRMED" in files["STATUS.md"]
    assert [item["criterion"] for item in json.loads(files["evidence.json"])] == [
        "api.key", "shop.open"
    ]  # fmt: skip
    with tarfile.open(kept.root / "prodstatus-run-1.tar.gz") as tar:
        tar.extractall(tmp_path / "out")
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"],
        cwd=tmp_path / "out" / "prodstatus-run-1", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert checked.stdout.count(": OK") == 4


def test_the_same_bytes_each_time(kept: Shop) -> None:
    """The same run is packed to the same bytes, whenever it is."""
    kept("pack", "run-1", "-o", "one.tar.gz")
    kept("pack", "run-1", "-o", "two.tar.gz")
    one = (kept.root / "one.tar.gz").read_bytes()
    assert one == (kept.root / "two.tar.gz").read_bytes()
    assert b"one" not in one[:40]


def test_its_own_record_and_attestation(kept: Shop) -> None:
    """They are packed byte for byte, and an attestation of another record isn't kept."""
    record = keep(kept, id="run-3", started=NOW)
    for name in ("status.intoto.json", "status.test-result.intoto.json"):
        (kept.reports / name).write_bytes(b"signed")
    archive = Archive(kept.root, saves=True)
    archive.reopen()
    assert archive.keep_attestations(record, kept.reports / "status.json") == ""
    kept("pack", "run-3", "-o", "p.tar.gz")
    files = packed(kept.root / "p.tar.gz")
    assert files["status.json"] == b"".join(record_pieces(record))
    assert files["status.intoto.json"] == files["status.test-result.intoto.json"] == b"signed"
    kept("pack", "run-2", "-o", "p.tar.gz")
    assert "status.intoto.json" not in packed(kept.root / "p.tar.gz")


def test_attachments_that_the_record_names(kept: Shop) -> None:
    """Those that are there and what was attached; each other is named in a sentence."""
    files = {"a.txt": b"one", "b.txt": b"two", "c.txt": b"three"}
    record = keep(kept, id="run-3", started=NOW, selected=("api.key",), attached=files)
    paths = [path_of("run-3", one) for one in next(record.criteria).attachments or ()]
    folder = kept.reports / "attachments" / "run-3"
    folder.mkdir(parents=True)
    (kept.reports / paths[0]).write_bytes(b"one")
    (kept.reports / paths[1]).write_bytes(b"too")
    (folder / "more.txt").write_bytes(b"not of the record")
    done = kept("pack", "run-3")
    assert done.exit_code == 0
    changed, lost = done.stderr.splitlines()
    assert changed == (
        f"prodstatus: {paths[1]} of api.key isn't what was attached, since its digest differs from "
        "the record's: it isn't packed"
    )
    assert lost == f"prodstatus: {paths[2]} of api.key isn't there: it isn't packed"
    with tarfile.open(kept.root / "prodstatus-run-3.tar.gz") as tar:
        names = [n for n in tar.getnames() if "attachments" in n]
    assert names == [f"prodstatus-run-3/{paths[0]}"]


def test_the_current_run_needs_no_store(shop: Shop) -> None:
    """A record's file is packed as it is, by default the target's."""
    shop.record(id="../../x")
    done = shop("pack")
    assert done.stdout == "wrote prodstatus-x.tar.gz\n"
    files = packed(shop.root / "prodstatus-x.tar.gz")
    assert files["status.json"] == (shop.reports / "status.json").read_bytes()


@pytest.mark.parametrize("command", [["pack"], ["render", "--output-dir", "out"], ["diff"]])
@pytest.mark.parametrize("run", HOSTILE)
def test_a_hostile_id_is_refused(kept: Shop, command: list[str], run: str) -> None:
    """A hostile id is refused with one sentence, and nothing is written."""
    before = {path.relative_to(kept.root) for path in kept.root.rglob("*")}
    message = kept.refused(*command, "--", run)
    assert len(message) < 400
    assert {path.relative_to(kept.root) for path in kept.root.rglob("*")} == before


def test_a_run_of_another_target(kept: Shop) -> None:
    """It is named with its target, so that no one takes it for this one's."""
    keep(kept, id="run-s", target="staging", folder=kept.reports / "staging")
    assert "run 'run-s' is of target staging: name it with --target" in kept.refused(
        "pack", "run-s"
    )
    assert kept("pack", "run-s", "--target", "staging").exit_code == 0


def test_a_run_is_rendered_elsewhere(kept: Shop) -> None:
    """A kept run is rendered with its own waivers, and never over the target's own record."""
    current = (kept.reports / "status.json").read_bytes()
    assert "add --output-dir" in kept.refused("render", "run-1")
    done = kept("render", "run-1", "--output-dir", "march")
    assert done.exit_code == 0, done.output
    assert b'"id": "run-1"' in (kept.root / "march/status.json").read_bytes()
    assert "CONFIRMED" in (kept.root / "march/STATUS.md").read_text(encoding="utf-8")
    for folder in ("reports", "./reports"):
        for name in ("run-1", "last-open", "march/status.json"):
            assert (
                "reports/status.json is the record of run run-2, which is newer than run run-1: "
                "name another folder"
            ) in kept.refused("render", name, "--output-dir", folder)
    (kept.reports / "old.json").write_bytes((kept.root / "march/status.json").read_bytes())
    assert "which is newer" in kept.refused("render", "reports/old.json")
    for name in ("status.json", "status.html", "status.intoto.json"):
        assert "is a file that the run wrote" in kept.refused("pack", "-o", f"march/{name}")
    assert "is a file that the run wrote" in kept.refused("pack", "-o", "reports/status.json")
    assert (kept.reports / "status.json").read_bytes() == current
    keep(kept, id="run-s", target="staging", started=NOW - 5 * HOUR)
    assert "which is of target staging, not of production" in kept.refused(
        "render", "run-1", "--output-dir", "reports"
    )


def test_a_shared_document_keeps_showing_the_newer_run(kept: Shop) -> None:
    """A document that all folders share is written beside the older run's record instead."""
    text = (kept.root / "pyproject.toml").read_text(encoding="utf-8")
    kept.configure(text.replace('"STATUS.md"', '"docs/STATUS.md"'))
    keep(kept, worse={"api.key": F}, id="run-3", started=NOW)
    shared = kept.root / "docs/STATUS.md"
    before = shared.read_bytes()
    assert b"**API STATUS:** **FAILED**" in before
    assert kept("render", "run-1", "--output-dir", "march").exit_code == 0
    assert shared.read_bytes() == before
    march = (kept.root / "march/STATUS.md").read_text(encoding="utf-8")
    assert "**API STATUS:** **CONFIRMED**" in march


def test_runs_are_compared(kept: Shop) -> None:
    """Two ids, or the last open run and the target's record, which is the default."""
    done = kept("diff", "run-1", "run-2")
    assert "Introduced: FAILED now (1):\n  api.key" in done.stdout
    assert kept("diff").stdout == kept("diff", "last-open", "run-2").stdout == done.stdout
    assert kept("diff", "--exit-code").exit_code == 1
    assert "knows no run of target production with an open gate before run run-1" in kept.refused(
        "diff", "last-open", "run-1"
    )


def test_what_changed_since_the_last_open_run_is_in_the_record_and_on_the_page(kept: Shop) -> None:
    """The run computes it before it publishes; its page names the criteria."""
    text = (kept.reports / "status.json").read_text(encoding="utf-8")
    since = json.loads(text)["since_open"]
    assert since["run"]["run"] == "run-1"
    assert [(item["id"], item["change"]) for item in since["criteria"]] == [
        ("api.key", "introduced"), ("shop.open", "blocked")
    ]  # fmt: skip
    page = (kept.reports / "status.html").read_text(encoding="utf-8")
    assert "Since the last open run" in page
    kept("render")
    assert (kept.reports / "status.html").read_text(encoding="utf-8") == page


def test_old_runs_are_deleted(kept: Shop) -> None:
    """Old runs are deleted only on request, and never the last one with an open gate."""
    assert "give both" in kept.refused("history", "--keep-last-of-release")
    old = kept.record(worse={"api.key": F}, id="run-0", started=NOW - 3 * HOUR)
    assert Archive(kept.root, saves=True).keep(old).unsaved is None
    done = kept("history", "--keep-for", "400d", "--keep-last-of-release")
    assert re.fullmatch(r"deleted 0 runs of target production .*\n", done.stdout)
    assert kept("history", "--keep-for", "1m", "--keep-last-of-release").stdout.startswith(
        "deleted 1 run of target production that started before 2026-11-22 11:59 UTC"
    )
    assert "is neither a file nor a run" in kept.refused("pack", "run-0")
    assert kept("pack", "run-1").exit_code == 0, "the last run with an open gate"
    assert kept("pack", "run-2").exit_code == 0
    assert "longer than there are dates" in kept.refused("history", "--keep-for", "999999d")


def test_a_run_whose_record_is_not_kept(kept: Shop) -> None:
    """The history knows it, as an older release saved it."""
    record = kept.record(id="run-9", started=NOW)
    assert Archive(kept.root, saves=True).keep(record).unsaved is None
    assert "run 'run-9' is in the history, but its record isn't kept" in kept.refused(
        "pack", "run-9"
    )


def test_without_the_store(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record's file is still compared and packed."""
    from pytest_prodstatus import store

    monkeypatch.setattr(store, "LIBRARIES", ("no_such_module",))
    shop.record()
    assert shop("diff", "reports/status.json").exit_code == 0
    assert "the state store isn't installed" in shop.refused("diff")
