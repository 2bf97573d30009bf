"""`prodstatus render`: document and page from a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_prodstatus.model.codec import write_record
from tests.unit.cli.conftest import CONFIG, Shop
from tests.unit.given import B, in_progress

PAGE, DOCUMENT, RECORD = "status.html", "STATUS.md", "status.json"


def test_beside_the_record(shop: Shop) -> None:
    """What a run wrote beside its record is written again, byte for byte."""
    shop.record({"api.key": B})
    before = {name: (shop.reports / name).read_bytes() for name in (PAGE, DOCUMENT, RECORD)}
    for name in (PAGE, DOCUMENT):
        (shop.reports / name).unlink()
    done = shop("render")
    assert done.exit_code == 10
    assert done.stdout.splitlines() == [
        f"wrote reports/{name}" for name in (DOCUMENT, PAGE, RECORD)
    ]
    assert {name: (shop.reports / name).read_bytes() for name in before} == before


def test_a_document_is_updated_in_place(shop: Shop) -> None:
    """An edited field is set right, and what a person wrote stays."""
    shop.record({"api.key": B})
    shop.edit("# Production status", "# My shop", DOCUMENT)
    shop.edit("**API STATUS:** **BLOCKED**", "**API STATUS:** **CONFIRMED**", DOCUMENT)
    assert "was edited by hand" in shop.closed("--check-document")
    shop("render")
    text = (shop.reports / DOCUMENT).read_text(encoding="utf-8")
    assert text.startswith("# My shop\n")
    assert "**API STATUS:** **BLOCKED**" in text
    assert "edited" not in shop.closed("--check-document")


def test_elsewhere(shop: Shop) -> None:
    """A whole folder of outputs, with the document's digest in its record."""
    shop.record(folder=shop.root / "artefact")
    page = (shop.root / "artefact" / PAGE).read_bytes()
    (shop.root / "site").mkdir()
    (shop.root / "site" / DOCUMENT).write_text("Ours.\n\nAPI STATUS: ?\n", encoding="utf-8")
    done = shop("render", "artefact/status.json", "--output-dir", "site")
    assert done.exit_code == 0
    assert (shop.root / "site" / PAGE).read_bytes() == page
    assert (shop.root / "site" / DOCUMENT).read_text(encoding="utf-8").startswith(
        "Ours.\n\nAPI STATUS: **CONFIRMED**"
    )  # fmt: skip
    for folder in ("artefact", "site"):
        assert shop("gate", f"{folder}/{RECORD}", "--check-document").exit_code == 0


def test_another_target(shop: Shop) -> None:
    """The outputs of another target are written into its usual folder."""
    shop.record(target="eu", folder=shop.reports / "eu")
    (shop.reports / "eu" / PAGE).unlink()
    assert shop("render", "--target", "eu").exit_code == 0
    assert (shop.reports / "eu" / PAGE).exists()


@pytest.mark.parametrize("status", [0, 1, 3, 10, 11])
def test_the_exit_status_is_the_run_s(shop: Shop, status: int) -> None:
    """It ends with any exit status that the record's run ended with."""
    shop.record()
    shop.edit('"exit_code": 0', f'"exit_code": {status}')
    assert shop("render").exit_code == status


def test_every_file_is_named(shop: Shop) -> None:
    """Each written file is named, exports too."""
    shop.configure(CONFIG.replace("document =", "exports = ['ctrf', 'junit']\ndocument ="))
    shop.record()
    words = shop("render").stdout.split()
    assert set(words) - {"wrote"} == {f"reports/{path.name}" for path in shop.reports.iterdir()}


def test_a_run_in_progress(shop: Shop) -> None:
    """A run in progress is rendered as one: nothing is confirmed."""
    shop.reports.mkdir()
    (shop.reports / RECORD).write_text(write_record(in_progress()), encoding="utf-8")
    assert shop("render").exit_code == 10
    assert "in progress since" in (shop.reports / DOCUMENT).read_text(encoding="utf-8")


def test_what_can_not_be_done(shop: Shop) -> None:
    """No record, none that can be read, no place to write."""
    assert f"there is no record at {shop.reports}/status.json" in shop.refused("render")
    Path("x.json").write_text("{", encoding="utf-8")
    assert "x.json: not a readable record" in shop.refused("render", "x.json")
    shop.record()
    Path("file").write_text("", encoding="utf-8")
    assert "can't be written" in shop.refused("render", "--output-dir", "file")


def test_what_can_not_be_updated_is_named(shop: Shop) -> None:
    """A verdict that a person wrote in HTML stays, and the command says so as the run does."""
    shop.record()
    document = shop.reports / "STATUS.md"
    document.write_text("<p>\nAPI STATUS: FAILED\n</p>\n\n" + document.read_text("utf-8"), "utf-8")
    done = shop("render")
    assert done.exit_code == 0
    assert "STATUS.md" in done.stderr
    assert "API STATUS" in done.stderr
