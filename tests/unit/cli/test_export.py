"""`prodstatus export` makes any form from a record."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result

from pytest_prodstatus.cli.main import main
from pytest_prodstatus.model.codec import write_record
from pytest_prodstatus.writers.exports import Export, export_names
from tests.unit.given import C, F, catalogue, record

RECORD = record(catalogue("api", "shop"), {"api.a": C, "shop.b": F})


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a record in it, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.prodstatus]\n", encoding="utf-8")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/status.json").write_text(write_record(RECORD), encoding="utf-8")
    return tmp_path


def export(*args: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["export", *args])


@pytest.mark.usefixtures("root")
def test_every_form_goes_to_standard_output() -> None:
    """Without -o, each form of the last run's record is printed."""
    assert json.loads(export("ctrf").output)["results"]["summary"]["failed"] == 1
    assert "FINAL FAILED" in export("github").output
    assert Xml.fromstring(export("junit").output).tag == "testsuites"


def test_a_form_goes_into_a_file(root: Path) -> None:
    """With -o the form is written to the file, with the project's title, and nothing is printed."""
    (root / "pyproject.toml").write_text('[tool.prodstatus]\ntitle = "Ours"\n', encoding="utf-8")
    done = export("github", "reports/status.json", "-o", "out/summary.md")
    assert (done.exit_code, done.output) == (0, "")
    assert (root / "out/summary.md").read_text(encoding="utf-8").startswith("## Ours\n")


@pytest.mark.parametrize("content", [None, "{", '{"schema": 99}'])
def test_an_old_form_does_not_outlive_its_record(root: Path, content: str | None) -> None:
    """If no record can be read, an old form is removed, since it would be read as today's."""
    out = root / "green.env"
    assert export("dotenv", "-o", str(out)).exit_code == 0
    path = root / "reports/status.json"
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = export("dotenv", "-o", str(out))
    assert done.exit_code == 2
    assert "green.env is removed" in done.output
    assert not out.exists()


def test_an_old_form_does_not_outlive_its_failure(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a form is unknown or broken, it is as if there were no record: no old text is left."""
    broken = Export(file="x.txt", about="", write=lambda _: str(1 / 0))
    out = root / "green.env"
    for form, why in (("none-such", "is not a form"), ("x", "broken: ZeroDivisionError")):
        out.write_text("PRODSTATUS_OPEN=true\n", encoding="utf-8")
        if form == "x":
            monkeypatch.setattr("pytest_prodstatus.cli.export.load_export", lambda _: broken)
        done = export(form, "-o", str(out))
        assert done.exit_code == 2
        assert why in done.output
        assert "green.env is removed" in done.output
        assert not out.exists()


def test_a_link_s_file_is_removed_and_not_the_link(root: Path) -> None:
    """A collector reads the file to which a person's link leads."""
    (root / "link.env").symlink_to(root / "green.env")
    assert export("dotenv", "-o", "link.env").exit_code == 0
    (root / "reports/status.json").unlink()
    assert export("dotenv", "-o", "link.env").exit_code == 2
    assert not (root / "green.env").exists()
    assert (root / "link.env").is_symlink()


def test_no_form_replaces_what_the_run_wrote(root: Path) -> None:
    """A form never replaces record, document, page, attestation or settings."""
    before = (root / "reports/status.json").read_bytes()
    (root / "kept").mkdir()
    (root / "kept/status.json").write_bytes(before)
    done = export("shields", "kept/status.json", "-o", "kept/status.json")
    assert "is a file that the run wrote or reads" in done.output
    assert (root / "kept/status.json").read_bytes() == before
    settings = (root / "pyproject.toml").read_bytes()
    for name in ("reports/status.json", "reports/status.test-result.intoto.json", "pyproject.toml"):
        done = export("shields", "-o", name)
        assert done.exit_code == 2
        assert "is a file that the run wrote or reads" in done.output
    assert (root / "pyproject.toml").read_bytes() == settings
    assert (root / "reports/status.json").read_bytes() == before


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["ctrf", "none.json"], "there is no record at none.json"),
        (["ctrf", "bad.json"], "bad.json: not a readable record"),
        (["nunit"], "'nunit' is not a form; the forms are azure, cloudevents, ctrf, dotenv, "),
        (["ctrf", "-o", "reports"], "reports can't be written"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(root: Path, args: list[str], why: str) -> None:
    """What can't be exported ends with exit status 2 and one sentence."""
    (root / "bad.json").write_text("{", encoding="utf-8")
    done = export(*args)
    assert done.exit_code == 2
    assert why in done.output


def test_the_help_names_the_forms_and_an_example() -> None:
    """The command says what there is and how it is used."""
    text = export("--help").output
    assert all(f"{name} " in text for name in export_names())
    assert "prodstatus export ctrf reports/demo/status.json -o ctrf.json" in text
