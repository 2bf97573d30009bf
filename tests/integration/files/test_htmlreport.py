"""pytest-html's report has stage and verdict in every row, with every neighbour."""

from __future__ import annotations

import html
import json
import re
import textwrap
from typing import Any

import pytest

from tests.integration.project import LEAN, SERIAL, SHOP, XDIST, Project

pytest.importorskip("pytest_html")

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
ROWS = """
@api
def test_held(evidence): evidence(count=3)
@api
def test_fails(): assert 0
@api
def test_waits(): blocked("nothing <i>yet</i>", kind="no-data", remedy="sell <b>more</b>")
@api
@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b"])
def test_named(name): pass
def test_of_a_unit(): pass
"""


def reported(project: Project, *args: str, keep: tuple[str, ...] = ()) -> tuple[str, Any]:
    """Run a project, and return its report and the data that the report's script shows as rows."""
    lean = tuple(name for name in LEAN if name not in ("html", "metadata", *keep))
    ran = project.run(*args, "--html=report.html", lean=lean)
    assert "INTERNALERROR" not in ran.out + ran.err
    page = (project.root / "report.html").read_text(encoding="utf-8")
    found = re.search(r'data-jsonblob="([^"]*)"', page)
    assert found
    return page, json.loads(html.unescape(found[1]))


def rows(data: Any) -> dict[str, list[list[str]]]:
    """Return the texts of each test's cells, by its id."""
    return {
        nodeid: [[re.sub(r"^<td[^>]*>|</td>$", "", cell) for cell in test["resultsTableRow"]]
                 for test in tests]
        for nodeid, tests in data["tests"].items()
    }  # fmt: skip


@MODES
def test_every_row_has_its_stage_and_verdict(project: Project, mode: tuple[str, ...]) -> None:
    """A test that isn't a criterion has neither; ids are text, not markup."""
    project.write({"test_api.py": ROWS, "test_shop.py": SHOP})
    page, data = reported(project, *mode)
    cells_of = {name.partition("::")[2]: cells[0][1:4] for name, cells in rows(data).items()}
    assert cells_of["test_held"] == ["api", "CONFIRMED", "test_api.py::test_held"]
    assert cells_of["test_fails"][:2] == ["api", "FAILED"]
    assert cells_of["test_waits"][:2] == ["api", "BLOCKED"]
    assert cells_of["test_of_a_unit"][:2] == ["", ""]
    named = "test_api.py::test_named[&lt;script&gt;alert(1)&lt;/script&gt;]"
    assert cells_of["test_named[<script>alert(1)</script>]"] == ["api", "CONFIRMED", named]
    assert "<script>alert(1)" not in page
    assert "sell &lt;b&gt;more&lt;/b&gt;" in page


@MODES
def test_a_row_gives_the_reason(project: Project, mode: tuple[str, ...]) -> None:
    """A row has the reason instead of the tuple by which pytest reports a skip."""
    more = """
    @api
    def test_skipped(): pytest.skip("not on Sundays")
    @pytest.mark.skip(reason="of a unit")
    def test_of_another_unit(): pass
    """
    project.write({"test_api.py": ROWS + textwrap.dedent(more)})
    _, data = reported(project, *mode)
    logs = {name.partition("::")[2]: tests[0]["log"] for name, tests in data["tests"].items()}
    assert html.unescape(html.unescape(logs["test_waits"])) == (
        "BLOCKED (no-data): nothing <i>yet</i>\nWhat to do: sell <b>more</b>\n"
    )
    assert "<b>" not in logs["test_waits"]
    assert logs["test_skipped"].startswith("BLOCKED (skipped): not on Sundays")
    assert "test_api.py" in logs["test_of_another_unit"]  # pytest-html's own, of no criterion


@MODES
def test_the_report_is_among_what_was_written(project: Project, mode: tuple[str, ...]) -> None:
    """The terminal lists it with the other files, also if the configuration names it."""
    project.write({"test_api.py": ROWS})
    lean = tuple(name for name in LEAN if name not in ("html", "metadata"))
    assert "wrote report.html" in project.run(*mode, "--html=report.html", lean=lean).out
    assert "report.html" not in project.run(*mode, lean=lean).out


@MODES
def test_a_neighbours_columns_and_rows_stay(project: Project, mode: tuple[str, ...]) -> None:
    """Another plugin's column, markup and omitted rows stay; all rows fit the header."""
    project.write(
        {
            "test_api.py": ROWS,
            "conftest.py": """
                import pytest

                def pytest_html_results_table_header(cells):
                    cells.append("<th>Mine</th>")

                def pytest_html_results_table_row(report, cells):
                    if "waits" in report.nodeid:
                        del cells[:]
                        return
                    cells.append("<td>mine</td>")
                    at = next(n for n, cell in enumerate(cells) if "col-testId" in cell)
                    if "held" in report.nodeid:
                        cells[at] = '<td class="col-testId"><b>marked up</b></td>'
                """,
        }
    )
    page, data = reported(project, *mode)
    header = page.partition('id="results-table-head"')[2].partition("</thead>")[0]
    every = rows(data)
    assert {len(row) for cells in every.values() for row in cells} == {header.count("<th")} == {7}
    assert not any("test_waits" in nodeid for nodeid in every)
    assert "<b>marked up</b>" in every["test_api.py::test_held"][0]


def test_a_rerun_has_no_verdict_of_its_own(project: Project) -> None:
    """Only the attempt that counts has a verdict."""
    pytest.importorskip("pytest_rerunfailures")
    test = """
    tried = []
    @api
    def test_flaky(evidence):
        tried.append(1)
        evidence(tries=len(tried))
        assert len(tried) > 1
    """
    project.write({"test_api.py": test})
    _, data = reported(project, "--reruns=2", keep=("rerunfailures",))
    attempts = {tuple(row[:3]) for row in rows(data)["test_api.py::test_flaky"]}
    assert attempts == {("Passed", "api", "CONFIRMED"), ("Rerun", "api", "")}


def test_evidence_that_is_required_decides_here_too(project: Project) -> None:
    """A row is BLOCKED if the criterion is in the record."""
    config = '[tool.prodstatus]\nrequire_evidence = true\ndocument = "STATUS.md"\n'
    project.write({"pyproject.toml": config, "test_api.py": "@api\ndef test_a(): pass\n"})
    _, data = reported(project)
    assert rows(data)["test_api.py::test_a"][0][:3] == ["Passed", "api", "BLOCKED"]


def test_the_head_is_that_of_the_page(project: Project) -> None:
    """FINAL, the gate, why, what to do and the facts are above the table."""
    project.write({"test_api.py": ROWS, "test_shop.py": SHOP})
    page, _ = reported(project, "--prodstatus-subject=v<7>")
    head = page.partition('class="prodstatus"')[2].partition('id="results-table-head"')[0]
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", head)).split())
    for words in (
        "FAILED The gate is closed: do not deploy", "What to do next", "fix api.fails",
        "Target production", "Release v<7>", "4 CONFIRMED 1 BLOCKED 1 FAILED",
        "api.waits BLOCKED no-data: nothing <i>yet</i> → sell <b>more</b>",
        "SHOP STATUS CONFIRMED",
    ):  # fmt: skip
        assert words in text, words
