"""The gate's rule decides the exit status, and pytest-html's report shows the verdicts."""

from __future__ import annotations

import re

import pytest

from tests.integration.project import LEAN, SERIAL, SHOP, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
PASSING = "@api\ndef test_a(): pass\n"
BLOCKED = "@api\ndef test_a(): pytest.skip('later')\n"
KNOWN = "@api\n@pytest.mark.xfail\ndef test_a(): assert 0\n"
FAILED = "@api\ndef test_a(): assert 0\n"
ERROR = "@api\ndef test_a(nothing): pass\n"


@pytest.mark.parametrize(
    ("rule", "test", "final", "opened", "status"),
    [
        ("confirmed", PASSING, "CONFIRMED", True, 0),
        ("confirmed", BLOCKED, "BLOCKED", False, 10),
        ("confirmed", KNOWN, "FAILED", False, 1),
        ("confirmed", FAILED, "FAILED", False, 1),
        ("confirmed", ERROR, "BLOCKED", False, 1),
        ("not-failed", PASSING, "CONFIRMED", True, 0),
        ("not-failed", BLOCKED, "BLOCKED", True, 0),
        ("not-failed", KNOWN, "FAILED", False, 1),
        ("not-failed", FAILED, "FAILED", False, 1),
        ("not-failed", ERROR, "BLOCKED", True, 1),
        ("off", PASSING, "CONFIRMED", True, 0),
        ("off", BLOCKED, "BLOCKED", False, 0),
        ("off", KNOWN, "FAILED", False, 0),
        ("off", FAILED, "FAILED", False, 1),
        ("off", ERROR, "BLOCKED", False, 1),
    ],
)
def test_rule(
    project: Project, rule: str, test: str, final: str, opened: bool, status: int
) -> None:
    """The rule decides what ends with 0; it never changes a verdict, nor betters pytest's status.

    A gate that is off isn't shown as open.
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(f"--prodstatus-gate={rule}")
    decision = ran.record["decision"]
    assert (ran.final, decision["open"], ran.status) == (final, opened, status)
    assert decision["rule"] == rule
    assert decision["exit_code"] == status
    assert bool(decision["causes"]) == (ran.final != "CONFIRMED")
    assert ran.last_line.startswith(f"FINAL {final} (target production, gate ")


def test_rule_holds_under_xdist(project: Project) -> None:
    """The controller decides the exit status, not a worker."""
    project.write({"test_api.py": BLOCKED, "test_shop.py": SHOP})
    assert project.run(*XDIST, "--prodstatus-gate=not-failed").status == 0


@MODES
def test_last_line_says_final_and_why(project: Project, mode: tuple[str, ...]) -> None:
    """The last line has FINAL, the target, the gate and the reason, also with -q and -qq."""
    project.write({"test_api.py": BLOCKED, "test_shop.py": SHOP})
    for quiet in ((), ("-q",), ("-qq",), ("-v",), ("--tb=no", "-rA")):
        if mode and quiet not in ((), ("-q",)):
            continue
        ran = project.run(*mode, *quiet)
        assert ran.last_line.startswith("FINAL BLOCKED (target production, gate closed): ")
        assert ran.last_line.endswith("later")


def test_words_on_the_terminal(project: Project) -> None:
    """Criteria are CONFIRMED, FAILED or BLOCKED while they run; other tests keep pytest's words."""
    test = f"{PASSING}@api\ndef test_b(): pytest.skip('x')\n@api\ndef test_c(): assert 0\n"
    project.write({"test_api.py": f"{test}def test_plain(): pass\n"})
    out = project.run("-v").out
    for name, word in {"a": "CONFIRMED", "b": "BLOCKED", "c": "FAILED", "plain": "PASSED"}.items():
        assert f"test_api.py::test_{name} {word}" in out
    assert "1 failed, 2 passed, 1 skipped" in out


@MODES
def test_html_report_has_the_verdicts(project: Project, mode: tuple[str, ...]) -> None:
    """A row has a verdict, and above the table every unmet criterion is listed."""
    pytest.importorskip("pytest_html")
    test = """
    @api
    def test_held(): pass
    @api
    def test_skipped(): pytest.skip("<b>later</b>")
    @api
    def test_failed(): assert 0
    """
    config = """
    [tool.prodstatus]
    title = "Of <this> store"
    [[tool.prodstatus.stages]]
    id = "api"
    criteria = ["missing"]
    [[tool.prodstatus.stages]]
    id = "shop"
    """
    project.write({"pyproject.toml": config, "test_api.py": test, "test_shop.py": SHOP})
    lean = tuple(name for name in LEAN if name not in ("html", "metadata"))
    ran = project.run(*mode, "-m", "production", "--html=report.html", lean=lean)
    assert ran.status == 1
    page = (project.root / "report.html").read_text(encoding="utf-8")
    assert page.count("Stage</th>") >= 1
    assert page.count("Verdict</th>") >= 1
    assert "The gate is closed: do not deploy" in page
    for name, verdict in {"missing": "BLOCKED", "failed": "FAILED", "skipped": "BLOCKED"}.items():
        assert re.search(rf'row">api.{name}</th><td><b class="tag .">{verdict}</b>', page)
    assert "col-stage\\&#34;&gt;api&lt;" in page
    assert "<b>later</b>" not in page
    assert page.count("col-verdict") >= 4
    for verdict in ("CONFIRMED", "BLOCKED", "FAILED"):
        assert f"col-verdict\\&#34;&gt;{verdict}" in page


@MODES
def test_html_report_shows_what_crashed_or_did_not_collect(
    project: Project, mode: tuple[str, ...]
) -> None:
    """Rows of files that don't collect fit the header; a crash is listed without a row."""
    pytest.importorskip("pytest_html")
    crash = "@api\ndef test_a(): os._exit(3)\n" if mode else FAILED
    project.write({"test_api.py": crash, "test_shop.py": SHOP, "test_z.py": "import nothing\n"})
    lean = tuple(name for name in LEAN if name not in ("html", "metadata"))
    args = ("--html=report.html", "--continue-on-collection-errors")
    ran = project.run(*mode, *args, lean=lean)
    assert "INTERNALERROR" not in ran.out
    assert ran.final == "FAILED"
    page = (project.root / "report.html").read_text(encoding="utf-8")
    assert re.search(r'row">api.a</th><td><b class="tag F">FAILED</b>', page)


def test_configured_html_report_is_written_by_a_production_run_alone(project: Project) -> None:
    """`html` in the configuration names a report in the output folder, in one file."""
    pytest.importorskip("pytest_html")
    config = '[tool.prodstatus]\nhtml = "report.html"\ndocument = "STATUS.md"\n'
    project.write({"pyproject.toml": config, "test_api.py": PASSING})
    lean = tuple(name for name in LEAN if name not in ("html", "metadata"))
    assert "report.html" not in project.run(lean=lean).files
    assert "report.html" in project.run("-m", "production", lean=lean).files
    assert not (project.folder / "assets").exists()
    folder = project.folder / "demo"
    ran = project.run("-m", "production", "--target=demo", lean=lean, folder=folder)
    assert "report.html" in ran.files
