"""The terminal shows words, the line of a criterion that takes long, the board, and FINAL."""

from __future__ import annotations

import re
import textwrap

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, XDIST, Project, plain

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
THREE = {
    "test_api.py": """
        @api
        def test_holds(evidence):
            evidence(count=3)

        @api
        def test_fails(): assert False, "it is broken"

        @api
        def test_waits(): blocked("nothing to see", kind="no-data", remedy="sell something")

        def test_of_a_unit(): pass
        """,
    "test_shop.py": SHOP,
}


@MODES
def test_words_are_the_verdicts(project: Project, mode: tuple[str, ...]) -> None:
    """With -v a criterion is CONFIRMED, FAILED or BLOCKED; another test keeps pytest's words."""
    project.write(THREE)
    out = plain(project.run("-v", *mode).out)
    lines = {
        next(part for part in line.split() if "::" in part): line
        for line in out.splitlines()
        if "::" in line and any(w in line for w in ("CONFIRMED", "FAILED ", "BLOCKED", "PASSED"))
    }
    assert "CONFIRMED" in lines["test_api.py::test_holds"]
    assert "FAILED" in out
    assert "BLOCKED" in lines["test_api.py::test_waits"]
    assert "PASSED" in lines["test_api.py::test_of_a_unit"]


@MODES
def test_words_come_where_pytest_says_words(project: Project, mode: tuple[str, ...]) -> None:
    """Pytest's summary has the words too, in a run that printed only dots."""
    project.write({"test_api.py": "@api\ndef test_holds(): pass\n"})
    out = plain(project.run("-rA", *mode).out)
    assert "CONFIRMED test_api.py::test_holds" in out
    assert "PASSED" not in out


def test_words_come_by_the_verbosity_of_the_tests(project: Project) -> None:
    """`verbosity_test_cases` has pytest name every test without -v."""
    project.write({"test_api.py": "@api\ndef test_holds(): pass\n"})
    out = plain(project.run("-o", "verbosity_test_cases=1").out)
    assert "test_api.py::test_holds CONFIRMED" in out


def test_letters_distinguish_a_blocked_criterion_from_a_skipped_test(project: Project) -> None:
    """Without -v a criterion is a dot, B or F; other tests have pytest's own letters."""
    project.write(
        {
            "test_api.py": """
            @api
            def test_a(): pass
            @api
            def test_b(): blocked("nothing yet", kind="no-data")
            @api
            def test_c(): assert False, "no"
            @api
            def test_d(): pass
            def test_e(): pytest.skip("no")
            """
        }
    )
    assert "test_api.py .BF.s" in plain(project.run().out)


def test_a_reporter_keeps_its_own_letter_for_a_pass(project: Project) -> None:
    """If another plugin has a letter, a CONFIRMED criterion has it like any test."""
    ticks = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(report):
        if report.passed and report.when == "call":
            return "passed", "+", "OK"
    """
    test = """
    pytestmark = api
    def test_a(): pass
    def test_b(): assert False, "no"
    def test_c(): pass
    """
    project.write({"conftest.py": ticks, "test_api.py": test})
    assert "test_api.py +F+" in plain(project.run().out)


@MODES
def test_board_tells_reason_and_remedy(project: Project, mode: tuple[str, ...]) -> None:
    """The board names what isn't CONFIRMED with its reason and remedy, and FINAL comes last."""
    project.write(THREE)
    ran = project.run(*mode)
    board = plain(ran.out).partition("production status: production")[2]
    for text in ("api.fails: FAILED (observed) it is broken", "2. sell something", "SHOP STATUS"):
        assert text in board
    assert "api.holds" not in board
    assert ran.last_line.startswith("FINAL FAILED (target production, gate closed)")
    assert all(len(line) <= 80 for line in board.splitlines()[:-1])


ANSWERS = """
import os
import pytest
pytestmark = pytest.mark.stage("{stage}")
def observe(evidence):
    if os.environ.get("DOWN"):
        raise ConnectionRefusedError(111, "Connection refused")
    evidence(status=200, took_ms=12)
def test_answers(evidence): observe(evidence)
def test_lists(evidence): observe(evidence)
def test_sells(evidence): observe(evidence)
"""
TWELVE = {
    "pyproject.toml": "[tool.prodstatus]\n"
    + "".join(f'[[tool.prodstatus.stages]]\nid = "s{n}"\n' for n in range(4)),
    **{f"test_s{n}.py": ANSWERS.format(stage=f"s{n}") for n in range(4)},
}


@pytest.mark.parametrize(("down", "limit"), [("", 12), ("1", 24)], ids=["green", "stopped"])
def test_twelve_criteria_fit_the_screen(
    project: Project, monkeypatch: pytest.MonkeyPatch, down: str, limit: int
) -> None:
    """A board of twelve criteria, from the heading to FINAL, fits the screen."""
    monkeypatch.setenv("DOWN", down)
    project.write(TWELVE)
    ran = project.run()
    lines = plain(ran.out)[plain(ran.out).index("= production status") :].strip().splitlines()
    assert len(ran.criteria) == 12
    assert len(lines) <= limit


def test_quiet_run_says_final_alone(project: Project) -> None:
    """With -q there is no board, and still the last line."""
    project.write(THREE)
    ran = project.run("-q")
    assert "production status" not in ran.out
    assert ran.last_line.startswith("FINAL FAILED")


def test_verbose_board_shows_evidence(project: Project) -> None:
    """With -v the board has every criterion and what it saw."""
    project.write(THREE)
    board = plain(project.run("-v").out).partition("production status: production")[2]
    assert "api.holds: CONFIRMED" in board
    assert "count 3" in board


@MODES
@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_criterion_that_takes_long_is_named(
    project: Project, mode: tuple[str, ...], capture: str
) -> None:
    """While a criterion runs for long, a line names it and what it waits for."""
    project.write(
        {
            "conftest.py": """
                import pytest_prodstatus.terminal
                pytest_prodstatus.terminal.WAITING_S = 0.2
                """,
            "test_api.py": """
                @api
                def test_slow(prodstatus_waiting):
                    prodstatus_waiting("order 7\\x1b[2J to be known", budget=60)
                    time.sleep(1)
                    print('captured')
                """,
        }
    )
    out = project.run_alone(f"--capture={capture}", *mode).out
    line = r"^waiting for api\.slow: \d+ s, for order 7\\x1b\[2J to be known, at most 60 s$"
    assert re.search(line, out, re.MULTILINE)
    assert out.index("waiting for api.slow: ") < out.index("1 passed")
    assert ("captured" in out) == (capture == "no" and not mode)


def test_a_budget_is_a_positive_number(project: Project) -> None:
    """A budget that isn't positive is refused in one sentence; without a text only seconds show."""
    project.write(
        {
            "conftest.py": """
                import pytest_prodstatus.terminal
                pytest_prodstatus.terminal.WAITING_S = 0.1
                """,
            "test_api.py": """
                @api
                def test_silent():
                    time.sleep(0.5)

                @api
                def test_budget(prodstatus_waiting):
                    prodstatus_waiting("the end", budget=0)

                def test_of_a_unit(prodstatus_waiting):
                    prodstatus_waiting("no one", budget=1)
                """,
        }
    )
    ran = project.run_alone()
    message = "prodstatus_waiting(budget=0): give a positive number of seconds"
    assert ran.criteria["api.budget"]["reason"] == message
    assert re.search(r"^waiting for api\.silent: \d+ s$", plain(ran.out), re.MULTILINE)
    assert "2 passed" in ran.out


def test_no_line_of_the_board_is_a_command_of_github_s_runner(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner obeys `::` at a line's begin, after blanks too, and `##[` anywhere in a line."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    test = """
        @api
        def test_long(): blocked("it was ::add-mask::" + "x" * 60 + " ##[group]y")
    """
    project.write({"test_api.py": test})
    lines = project.run().out.splitlines()
    board = [line for line in lines if not line.startswith(("::error ", "::warning "))]
    assert not [line for line in board if line.lstrip().startswith("::") or "##[" in line]
    assert any(line.startswith("    : :add-mask::xxx") for line in board)


def test_final_s_line_is_the_gate_s_answer(project: Project) -> None:
    """A waiver that breaks a rule closes the gate, and the run doesn't call it open."""
    waiver = """
    [[tool.prodstatus.waivers]]
    criterion = "api.a"
    reason = "known"
    owner = "Ann"
    expires = 2026-01-01
    """
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    project.write({"pyproject.toml": CONFIG + textwrap.dedent(waiver)})
    ran = project.run()
    assert "it closes the gate" in ran.out
    assert "FINAL CONFIRMED (target production, gate closed by a waiver)" in ran.out
    assert (ran.status, ran.record["decision"]["open"]) == (0, True)
