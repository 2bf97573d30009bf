"""In an export, a list in which everything passed exists only if FINAL is CONFIRMED."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.project import config_in
from pytest_prodstatus.readers.config import ConfigError
from pytest_prodstatus.writers import exports
from pytest_prodstatus.writers.exports import (
    ExportError,
    export_names,
    load_export,
    rows_of,
    text_of,
    worst_first,
)
from tests.unit.given import (
    B,
    C,
    F,
    catalogue,
    criterion,
    observation,
    reason,
    record,
    report,
    run,
    stage,
)
from tests.unit.model.test_properties import records

TWO = catalogue("api", stage("shop", requires=("api",)), stage("final", rollup=("api", "shop")))


def test_every_criterion_is_a_row() -> None:
    """In a run without incident the rows are the criteria, in the order of the stages."""
    made = record(TWO, {"shop.b": C, "api.a": F, "api.b[eu]": C})
    assert [row.id for row in rows_of(made)] == ["api.a", "api.b[eu]", "shop.b"]
    assert [row.verdict for row in rows_of(made)] == [F, C, B]
    assert rows_of(made)[1].title == "B[eu] [eu]"
    assert rows_of(made)[0].file == "test_api.py"


def test_an_incident_is_a_row() -> None:
    """A worker that died outside any test has no criterion, but has a row."""
    died = reason("worker gw1 died", Kind.CRASH)
    made = record(TWO, {"api.a": C, "shop.b": C}, of=run(incidents=(died,)))
    assert [(row.id, row.verdict) for row in rows_of(made)][2:] == [("run", B)]
    assert rows_of(made)[2].reason == died


def test_a_stage_without_criterion_is_a_row() -> None:
    """A stage without a test is BLOCKED, and has its own row."""
    made = record(TWO, {"api.a": C})
    assert [(row.id, row.verdict) for row in rows_of(made)] == [("api.a", C), ("shop", B)]


def test_a_catalogue_of_nothing_is_a_row() -> None:
    """Even without stages a row says that nothing was seen."""
    assert [row.verdict for row in rows_of(record(catalogue(), {}))] == [B]


@given(records())
def test_all_rows_are_confirmed_only_if_final_is(drawn: tuple[Catalogue, Record]) -> None:
    """In any run, if FINAL isn't CONFIRMED, at least one row isn't."""
    _, made = drawn
    if made.final.verdict is not Verdict.CONFIRMED:
        assert any(row.verdict is not Verdict.CONFIRMED for row in rows_of(made))


def test_worst_come_first_and_causes_before_consequences() -> None:
    """FAILED is before BLOCKED; criteria blocked by upstream are last."""
    seen = {"shop.a": C, "shop.b": observation(B, reason=reason("later", Kind.PENDING))}
    made = record(TWO, {**seen, "api.a": F, "api.b": C})
    assert [row.id for row in worst_first(rows_of(made))] == ["api.a", "shop.b", "shop.a"]


def test_a_row_is_never_without_a_name() -> None:
    """A criterion without a title is named by its id: tools refuse a test without a name."""
    made = record(TWO, {}, collected=(criterion("api.a", title=""), criterion("shop.b", title="")))
    assert [row.title for row in rows_of(made)] == ["api.a", "shop.b"]


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, *, name: str = "other"
) -> None:
    """Install a package with a form, as pip leaves it in a folder of packages."""
    info = folder / "prodstatus_other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: prodstatus-other\nVersion: 1.0\n")
    entry = f"[prodstatus.exports]\n{name} = prodstatus_other:EXPORT\n"
    (info / "entry_points.txt").write_text(entry)
    head = "from pytest_prodstatus.writers.exports import Export\n"
    (folder / "prodstatus_other.py").write_text(head + module)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "prodstatus_other", raising=False)


def test_no_form_is_imported_unless_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form that can't even be imported is among the names, and costs the others nothing."""
    install(tmp_path, monkeypatch, "raise SystemExit")
    assert "other" in export_names()
    assert load_export("junit").file == "junit.xml"
    assert "prodstatus_other" not in sys.modules


def test_our_own_form_is_not_another_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that registers the name of one of ours doesn't replace it."""
    install(tmp_path, monkeypatch, "raise SystemExit", name="junit")
    assert load_export("junit").about == "JUnit XML of every criterion"


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_"),
        ("raise SystemExit", "SystemExit"),
        ("", "AttributeError: module 'prodstatus_other' has no attribute 'EXPORT'"),
        ("EXPORT = dict()", "'prodstatus_other:EXPORT' is a dict, not an Export"),
        *(
            (f"EXPORT = Export(file={file!r}, about='', write=str)", f"its file is {file!r}, which")
            for file in ("../other.txt", "a/b", "", "two\nlines", "C:\\x", ".", "..", None, 3)
        ),
        ("EXPORT = Export(file='x', about=None, write=str)", "its description is None, which must"),
        ("import asyncio\nraise asyncio.CancelledError('late')", "CancelledError: late"),
    ],
    ids=lambda value: value[:30],
)
def test_a_form_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, why: str
) -> None:
    """An unusable form of another package is named with the reason, in one sentence."""
    install(tmp_path, monkeypatch, module)
    with pytest.raises(ExportError) as error:
        load_export("other")
    assert str(error.value).startswith(f"the export 'other' is broken: {why}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("exit(0)", "SystemExit: 0"),
        ("b'bytes'", "it returned 'bytes', not a text"),
        ("' \\n'", "it returned an empty text, which readers take for no trouble"),
        ("__import__('pytest').fail('no')", "Failed: no"),
        ("(_ for _ in ()).throw(Silent)", "Silent"),
    ],
)
def test_a_form_that_gives_no_text_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, why: str
) -> None:
    """It may raise, end the process or return something else."""
    silent = "class Silent(Exception):\n    def __str__(self): raise ValueError\n"
    module = f"{silent}EXPORT = Export(file='x.txt', about='', write=lambda report: {body})"
    install(tmp_path, monkeypatch, module)
    made = report(record(TWO, {"api.a": C, "shop.b": C}), TWO)
    with pytest.raises(ExportError) as error:
        text_of("other", load_export("other"), made)
    assert str(error.value) == f"the export 'other' is broken: {why}"


def test_the_file_of_another_output_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export may write neither the record nor the file of another export."""
    for file, owner in (
        ("status.json", "'status.json'"),
        ("Status.JSON", "'status.json'"),
        ("status.intoto.json", "'status.intoto.json'"),
        ("ctrf.json", "the export 'ctrf'"),
        ("CTRF.json", "the export 'ctrf'"),
    ):
        folder = tmp_path / file
        folder.mkdir()
        with monkeypatch.context() as patch:
            install(folder, patch, f"EXPORT = Export(file={file!r}, about='', write=str)")
            text = "[tool.prodstatus]\nexports = ['ctrf', 'other']\n"
            (folder / "pyproject.toml").write_text(text)
            with pytest.raises(ConfigError, match=re.escape(f"the export 'other' and of {owner}")):
                config_in(folder)


def test_an_old_installation_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata that is older than the source has no forms of ours: the remedy is named."""
    monkeypatch.setattr(exports, "entry_points", lambda **_: ())
    with pytest.raises(ExportError, match="without its exports: install it again"):
        load_export("junit")
