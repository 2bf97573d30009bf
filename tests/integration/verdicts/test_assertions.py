"""A pass that asserts nothing is BLOCKED, if assertions are required; and what counts as one."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from typing import NamedTuple

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, XDIST, Project

STRICT = CONFIG.replace("[tool.prodstatus]", "[tool.prodstatus]\nrequire_assertion = true")
MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
CONFIRMED, NOTHING, TRUE = "CONFIRMED", "BLOCKED no-assertion", "BLOCKED proves-nothing"
UNCOUNTED = "BLOCKED inconclusive"


class Style(NamedTuple):
    """A way to write a criterion: its source, its verdict, and words of its reason and remedy."""

    source: str
    verdict: str
    words: str = ""


BEFORE = """
import asyncio, contextlib, logging, subprocess, warnings
from pytest_prodstatus import answered, counts_as_assertion
import clienthelp, goodhelp
from conftest import checks_the_shop, a_named_helper, Named, a_named_block
from raising import raises as imported_raises

class Answer:
    def __init__(self, status): self.status_code = status
    def raise_for_status(self): assert self.status_code < 400

ROWS = []
SEEN = []
"""

STYLES = {
    "an_assert": Style("assert SEEN == []", CONFIRMED),
    "approx": Style("assert 0.1 + 0.2 == pytest.approx(0.3)", CONFIRMED),
    "raises": Style("with pytest.raises(KeyError): {}[1]", CONFIRMED),
    "raises_imported": Style("with imported_raises(KeyError): {}[1]", CONFIRMED),
    "raises_called": Style("pytest.raises(KeyError, {}.__getitem__, 1)", CONFIRMED),
    "warns": Style("with pytest.warns(UserWarning): warnings.warn('old')", CONFIRMED),
    "answered": Style("assert_nothing = answered(Answer(200))", CONFIRMED),
    "answered_error": Style("answered(Answer(500))", "FAILED observed", "answered with 500"),
    "answered_nothing": Style("answered(Answer(0))", "FAILED error", "it has no HTTP status"),
    "answered_yes": Style("answered(Answer(True))", "FAILED error", "it has no HTTP status"),
    "held": Style("evidence.held('the shop is empty', SEEN == [])", CONFIRMED),
    "held_block": Style("with evidence.held('it sells'): SEEN.copy()", CONFIRMED),
    "held_false": Style("evidence.held('it sells', SEEN != [])", "FAILED observed", "hold that it"),
    "held_failing_block": Style(
        "with pytest.raises(KeyError):\n"
        "        with evidence.held('it sells'): {}[1]", "FAILED observed", "hold that it",
    ),
    "held_and_swallowed": Style(
        "assert SEEN == []\n"
        "    with contextlib.suppress(AssertionError): evidence.held('it sells', SEEN != [])",
        "FAILED observed", "hold that it",
    ),
    "held_never_entered": Style(
        "evidence.held('it sells')\n    assert SEEN == []", UNCOUNTED, "has no condition"
    ),
    "held_and_pytest_fail": Style(
        "assert SEEN == []\n"
        "    with contextlib.suppress(BaseException):\n"
        "        with evidence.held('it sells'): pytest.fail('closed')",
        "FAILED observed", "hold that it sells: Failed: closed",
    ),
    "held_and_skipped": Style(
        "assert SEEN == []\n"
        "    with contextlib.suppress(BaseException):\n"
        "        with evidence.held('it sells'): pytest.skip('closed')",
        UNCOUNTED, "left by Skipped: closed",
    ),
    "held_and_cancelled": Style(
        "assert SEEN == []\n"
        "    async def main():\n"
        "        with contextlib.suppress(asyncio.TimeoutError):\n"
        "            await asyncio.wait_for(sells(), .01)\n"
        "    async def sells():\n"
        "        with evidence.held('it sells'): await asyncio.sleep(5)\n"
        "    asyncio.run(main())",
        UNCOUNTED, "left by CancelledError",
    ),
    "held_and_refused": Style(
        "assert SEEN == []\n"
        "    with contextlib.suppress(TypeError):\n"
        "        with evidence.held('it sells'): evidence(price=float('nan'))",
        "BLOCKED evidence-error", "nan",
    ),
    "held_entered_twice": Style(
        "sells = evidence.held('it sells')\n"
        "    for _ in range(2):\n"
        "        with sells: assert SEEN == []",
        "BLOCKED evidence-error", "call it again for each `with`",
    ),
    "held_by_a_fixture": Style(
        "request.getfixturevalue('selling')\n    assert SEEN == []", CONFIRMED,
    ),
    "held_function": Style("evidence.held('it sells', print)", "BLOCKED evidence-error", "call it"),
    "helper_of_a_conftest": Style("checks_the_shop(1)", CONFIRMED),
    "helper_that_is_rewritten": Style("goodhelp.holds(1)", CONFIRMED),
    "helper_that_is_not": Style(
        "clienthelp.holds(1)", NOTHING, 'add pytest.register_assert_rewrite("clienthelp")'
    ),
    "helper_that_only_raises": Style(
        "clienthelp.refuses(1)", NOTHING, "counts_as_assertion(refuses)"
    ),
    "helper_that_asserts_further_in": Style(
        "clienthelp.Shop().opens(1)", NOTHING, 'register_assert_rewrite("clienthelp")'
    ),
    "raises_anything": Style(
        "with pytest.raises(BaseException): assert SEEN", NOTHING, "failure was swallowed"
    ),
    "raises_anything_failed": Style(
        "with pytest.raises(BaseException): pytest.fail('closed')", NOTHING
    ),
    "raises_anything_skipped": Style(
        "with pytest.raises(BaseException): pytest.skip('closed')", NOTHING
    ),
    "raises_anything_called": Style("pytest.raises(Exception, checks_the_shop, 0)", NOTHING),
    "raises_a_pytest_failure": Style(
        "with pytest.raises(pytest.fail.Exception): pytest.fail('closed')", CONFIRMED
    ),
    "raises_a_failure": Style(
        "with pytest.raises(AssertionError): checks_the_shop(0)", CONFIRMED
    ),
    "helper_by_name": Style("a_named_helper(1)", CONFIRMED),
    "class_by_name": Style("Named().to_be(1)", CONFIRMED),
    "block_by_name": Style("with a_named_block(): pass", CONFIRMED),
    "named_and_failing": Style("with contextlib.suppress(Exception): Named().to_be(0)", NOTHING),
    "raise_for_status": Style("clienthelp.get().raise_for_status()", NOTHING, "answered(response)"),
    "pytest_fail": Style("if ROWS: pytest.fail('rows')", NOTHING, "evidence.held"),
    "nothing": Style("SEEN.copy()", NOTHING, "asserted nothing"),
    "loop_over_nothing": Style("for row in ROWS: assert row", NOTHING, "every run takes"),
    "swallowed": Style(
        "with contextlib.suppress(AssertionError): assert SEEN", NOTHING, "swallowed"
    ),
    "exit_status": Style("subprocess.run(['false'], check=False)", NOTHING),
    "constant": Style("assert 'not found'", TRUE, "always true: 'not found'"),
    "tuple": Style("assert (SEEN, 'empty')", TRUE, "parentheses"),
    "or_true": Style("assert SEEN or True", TRUE, "always true"),
    "true_in_a_helper": Style("goodhelp.always()", NOTHING),
    "true_beside_a_real_one": Style("assert SEEN == []\n    assert 1", TRUE),
    "asyncio_run": Style(
        "async def main(): assert SEEN == []\n    asyncio.run(main())", CONFIRMED
    ),
    "thread": Style(
        "import threading\n"
        "    def probe(): assert SEEN == []\n"
        "    t = threading.Thread(target=probe); t.start(); t.join()", CONFIRMED,
    ),
}  # fmt: skip
if sys.version_info >= (3, 11):
    STYLES["raises_anything_of_tasks"] = Style(
        "async def main():\n"
        "        async with asyncio.TaskGroup() as tasks: tasks.create_task(fails())\n"
        "    async def fails(): assert SEEN\n"
        "    with pytest.raises(Exception): asyncio.run(main())",
        NOTHING,
        "failure was swallowed",
    )
    if hasattr(pytest, "RaisesGroup"):
        for name, inner, verdict in (
            ("anything", "Exception", NOTHING),
            ("a_failure", "AssertionError", CONFIRMED),
            ("a_matched_failure", "pytest.RaisesExc(AssertionError, match='x')", CONFIRMED),
        ):
            raising = "raise ExceptionGroup('a', [AssertionError('x')])"
            STYLES[f"raises_group_of_{name}"] = Style(
                f"with pytest.RaisesGroup({inner}): {raising}", verdict
            )

MORE = """
@pytest.fixture
def asserting(): assert ROWS == []
@pytest.fixture(scope="session")
def asserting_once(): assert ROWS == []
@pytest.fixture
def selling(evidence):
    with evidence.held("it sells"): yield
@pytest.fixture
def asserting_late():
    yield
    assert ROWS == []

@api
def test_fixture(asserting, asserting_late): pass
@api
def test_requested(request): request.getfixturevalue("asserting_once")
@api
def test_requested_later(request): request.getfixturevalue("asserting_once")
@pytest.mark.stage("api", require_assertion=False)
def test_exempt(): pass
@api
class TestUnit(unittest.TestCase):
    def test_equal(self): self.assertEqual([], ROWS)
    def test_raises_block(self):
        with self.assertRaises(KeyError) as caught: {}[1]
        caught.exception.args
    def test_raises_call(self): self.assertRaises(KeyError, {}.__getitem__, 1)
    def test_raises_a_unit(self):
        with self.assertRaises(Exception): self.assertEqual(1, 2)
    def test_raises_call_of_a_unit(self): self.assertRaises(Exception, self.assertEqual, 1, 2)
    def test_raises_skip(self):
        with self.assertRaises(Exception): self.skipTest("closed")
    def test_unit_warns(self): self.assertWarns(UserWarning, warnings.warn, "old")
    def test_unit_logs(self):
        with self.assertLogs("shop"): logging.getLogger("shop").error("closed")
    def test_no_block(self): self.assertRaises(KeyError)
    def test_unit_nothing(self): ROWS.copy()
    def test_unit_constant(self): self.assertTrue("x")
    def test_subtests(self):
        with self.subTest(): self.assertEqual([], ROWS)
"""
MORE_VERDICTS = {
    "fixture": NOTHING,
    "requested": NOTHING,
    "requested-later": NOTHING,
    "exempt": CONFIRMED,
    "equal": CONFIRMED,
    "raises-block": CONFIRMED,
    "raises-call": CONFIRMED,
    "raises-a-unit": NOTHING,
    "raises-call-of-a-unit": NOTHING,
    "raises-skip": NOTHING,
    "unit-warns": CONFIRMED,
    "unit-logs": CONFIRMED,
    "no-block": NOTHING,
    "unit-nothing": NOTHING,
    "unit-constant": TRUE,
    "subtests": CONFIRMED,
}

HELPERS = {
    "clienthelp.py": """
        class Answer:
            status_code = 200
            def raise_for_status(self): return None
        def get(): return Answer()
        def holds(value):
            assert value == 1
        def refuses(value):
            if value != 1: raise ValueError(value)
        class Shop:
            def opens(self, value): self._must_be(value)
            def _must_be(self, value): holds(value)
    """,
    "goodhelp.py": """
        def holds(value):
            assert value == 1
        def always():
            assert True
    """,
    "raising.py": "from pytest import raises\n",
    "conftest.py": """
        import contextlib, sys
        from pathlib import Path
        import pytest
        sys.path.insert(0, str(Path(__file__).parent))
        pytest.register_assert_rewrite("goodhelp")
        from pytest_prodstatus import counts_as_assertion
        import raising

        def checks_the_shop(value):
            assert value == 1

        @counts_as_assertion
        def a_named_helper(value):
            if value != 1: raise ValueError(value)

        @counts_as_assertion
        class Named:
            def to_be(self, value):
                if value != 1: raise ValueError(value)

        @counts_as_assertion
        @contextlib.contextmanager
        def a_named_block():
            yield
    """,
}


def written(project: Project, files: dict[str, str]) -> None:
    """Write a project that requires assertions; helpers get no common head."""
    project.write({"pyproject.toml": STRICT, **files})
    for name, text in HELPERS.items():
        project.write({name.replace(".py", ".txt"): text})
        (project.root / name.replace(".py", ".txt")).replace(project.root / name)


@MODES
def test_styles_of_first_time_users(project: Project, mode: tuple[str, ...]) -> None:
    """Each has the verdict and the sentence that help its author, in every mode."""
    tests = [
        f"@api\ndef test_{name}(evidence, request):\n    {style.source}\n"
        for name, style in STYLES.items()
    ]
    written(project, {"test_api.py": f"{BEFORE}\n" + "\n".join([*tests, MORE])})
    ran = project.run_alone(*mode, "-m", "production")
    ran.check_coherent()
    wanted = {f"api.{name.replace('_', '-')}": s.verdict for name, s in STYLES.items()}
    wanted |= {f"api.{name}": verdict for name, verdict in MORE_VERDICTS.items()}
    wrong = {n: c for n, c in ran.criteria.items() if ran.verdicts[n] != wanted.pop(n)}
    assert (wrong, wanted) == ({}, {})
    for name, style in STYLES.items():
        criterion = ran.criteria[f"api.{name.replace('_', '-')}"]
        assert style.words in f"{criterion['reason']} {criterion['remedy']}", criterion
        assert (criterion["assertions"] or 0) > 0 or style.verdict != CONFIRMED
    exempt = ran.criteria["api.exempt"]
    assert (exempt["assertions"], exempt["exempt"]) == (None, "mark")
    assert ran.page is not None
    assert "no assertion required, by its mark" in ran.page
    assert "assertions are not counted" not in ran.out


@pytest.mark.parametrize(
    ("mode", "arguments"),
    [(SERIAL, ()), (XDIST, ("-m", "production"))],
    ids=["serial", "n2-production"],
)
def test_a_file_that_was_compiled_without_the_hook(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    mode: tuple[str, ...],
    arguments: tuple[str, ...],
) -> None:
    """It would be read without a look at the configuration, so it is compiled again."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    tests = "@api\ndef test_a(): assert 1 + len('x') == 2\n"
    conftest = "import pytest\ndef holds(x):\n    assert x == 1\n"
    project.write(
        {
            "pyproject.toml": CONFIG,
            "sub/test_api.py": tests,
            "sub/test_shop.py": "from conftest import holds\n@shop\ndef test_open(): holds(1)\n",
            "sub/conftest.py": conftest,
        }
    )
    ran = project.run_alone(*mode, *arguments)
    assert ran.final == "CONFIRMED"
    assert ran.out.count("assertions are not counted") == 1
    assert list((project.root / "sub" / "__pycache__").glob("test_api*pytest*.pyc"))
    project.write({"pyproject.toml": STRICT})
    ran = project.run_alone(*mode, *arguments)
    assert set(ran.verdicts.values()) == {CONFIRMED}, ran.criteria
    assert ran.status == 0


def test_a_compiled_file_that_cannot_be_removed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is BLOCKED, and the reason names the file; a pass that was seen there is not denied."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    project.write({"test_shop.py": "@shop\ndef test_open(): assert 1 + len('x') == 2\n"})
    assert project.run_alone().verdicts == {"shop.open": CONFIRMED}
    project.write(
        {
            "pyproject.toml": STRICT,
            "conftest.py": """
            from pytest_prodstatus import assertions
            assertions.remove_stale = lambda source: None  # as in a folder that can't be written
            """,
        }
    )
    ran = project.run_alone()
    assert ran.verdicts == {"shop.open": UNCOUNTED}
    assert "can't be removed" in ran.criteria["shop.open"]["reason"]
    assert "and run it again" in ran.criteria["shop.open"]["remedy"]


@MODES
def test_what_pytest_does_not_rewrite_says_so(project: Project, mode: tuple[str, ...]) -> None:
    """An assertion that passed there isn't called one that did not pass."""
    plain = '"""PYTEST_DONT_REWRITE"""\n' + "{}\n@api\ndef test_a(): assert len('x') == 1\n"
    made = "exec('def test_b(): assert len([1]) == 1')\ntest_b = api(test_b)\n"
    project.write({"pyproject.toml": STRICT, "test_shop.py": SHOP, "test_api.py": made})
    head = (project.root / "test_api.py").read_text().removesuffix(made)
    (project.root / "test_plain.py").write_text(plain.format(head))
    ran = project.run_alone(*mode)
    assert (ran.verdicts["api.a"], ran.verdicts["api.b"]) == (NOTHING, NOTHING)
    unseen = "it passed, and asserted nothing that pytest can see: "
    assert ran.criteria["api.a"]["reason"] == f"{unseen}it does not rewrite test_plain"
    assert "remove PYTEST_DONT_REWRITE" in ran.criteria["api.a"]["remedy"]
    assert ran.criteria["api.b"]["reason"] == f"{unseen}its function was made by exec()"


def test_without_rewriting_no_assertion_can_be_seen(project: Project) -> None:
    """With `--assert=plain` a criterion is BLOCKED, with the remedy."""
    project.write(
        {"pyproject.toml": STRICT, "test_shop.py": "@shop\ndef test_a(): assert len('x') == 1\n"}
    )
    ran = project.run_alone("--assert=plain")
    assert ran.verdicts == {"shop.a": UNCOUNTED}
    assert "--assert=plain" in ran.criteria["shop.a"]["remedy"]


def test_a_pytest_that_cannot_be_switched_is_named(project: Project) -> None:
    """The one private name is gone: the run is a usage error, with what to set instead."""
    broken = """
    import pytest
    read = pytest.Config.getini
    def getini(self, name): return name != "enable_assertion_pass_hook" and read(self, name)
    pytest.Config.getini = getini
    """
    project.write({"pyproject.toml": STRICT, "test_shop.py": SHOP})
    (project.root / "broken.py").write_text(textwrap.dedent(broken))
    ran = project.run_alone("-p", "broken", "-m", "production")
    assert ran.status == pytest.ExitCode.USAGE_ERROR
    assert "set enable_assertion_pass_hook = true in pytest's configuration" in ran.err


def test_a_stage_may_do_without(project: Project) -> None:
    """A stage may set `require_assertion = false`; the page and the record show it."""
    config = STRICT.replace('id = "shop"', 'id = "shop"\nrequire_assertion = false')
    project.write(
        {
            "pyproject.toml": config,
            "test_shop.py": SHOP,
            "test_api.py": "@api\ndef test_a(): pass\n",
        }
    )
    ran = project.run()
    assert ran.verdicts == {"api.a": NOTHING, "shop.open": CONFIRMED}
    assert ran.criteria["shop.open"]["exempt"] == "stage"
    assert ran.page is not None
    assert "no assertion required, by its stage" in ran.page


@pytest.mark.parametrize("strict", [True, False])
def test_a_test_that_hides_an_earlier_one_is_blocked(project: Project, *, strict: bool) -> None:
    """The first one, which fails, never runs. It is seen where an assertion is required."""
    first, second = "def test_open(): assert len('x') == 2\n", "def test_open(): assert len('x')\n"
    config = {"pyproject.toml": STRICT} if strict else {}
    project.write({**config, "test_shop.py": f"@shop\n{first}@shop\n{second}"})
    verdict = "BLOCKED proves-nothing" if strict else "CONFIRMED"
    assert project.run().verdicts["shop.open"] == verdict


def test_a_mark_can_only_exempt(project: Project) -> None:
    """Whether assertions are counted is known before any mark is."""
    project.write(
        {"test_shop.py": "@pytest.mark.stage('shop', require_assertion=True)\ndef test_a(): pass\n"}
    )
    ran = project.run()
    assert ran.status == pytest.ExitCode.USAGE_ERROR
    assert "can only be False" in ran.err


def test_a_doctest_asserts_what_its_examples_print(project: Project) -> None:
    """One without an expected output asserts nothing, and its reason says so."""
    project.write(
        {
            "pyproject.toml": STRICT,
            "conftest.py": """
            import pytest
            def pytest_collection_modifyitems(items):
                for item in items: item.add_marker(pytest.mark.stage("shop"))
            """,
        }
    )
    (project.root / "shop.py").write_text(
        'def sells():\n    """\n    >>> 1 + 1\n    2\n    """\n'
        'def ships():\n    """\n    >>> x = 1\n    """\n'
    )
    ran = project.run("--doctest-modules", "shop.py")
    assert sorted(ran.verdicts.values()) == [NOTHING, CONFIRMED], ran.verdicts
    blocked = next(c for c in ran.criteria.values() if c["verdict"] == "BLOCKED")
    assert "expected output" in blocked["reason"]


@MODES
def test_other_tests_pay_nothing_for_it(project: Project, mode: tuple[str, ...]) -> None:
    """Only of criteria does pytest write out what a passing assertion compares, in any order."""
    project.write(
        {
            "pyproject.toml": STRICT,
            "test_shop.py": """
            class Odd:
                def __repr__(self):
                    with Path("written").open("a") as file: file.write(self.name)
                    return self.name
                def __init__(self, name): self.name = name
                def __eq__(self, other): return isinstance(other, Odd)
                __hash__ = None
            def test_before(): assert Odd("x") == Odd("x")
            @shop
            def test_a(): assert Odd("a") == Odd("a")
            def test_between(): assert Odd("y") == Odd("y")
            @shop
            def test_b(): assert Odd("b") == Odd("b")
            def test_after(): assert Odd("z") == Odd("z")
            """,
        }
    )
    ran = project.run(*mode)
    assert ran.verdicts == {"shop.a": CONFIRMED, "shop.b": CONFIRMED}
    assert {*(project.root / "written").read_text()} == {"a", "b"}


def test_only_the_last_attempt_counts(project: Project) -> None:
    """An assertion that passed before a rerun proves nothing about the attempt that passed."""
    project.write(
        {
            "pyproject.toml": STRICT,
            "test_api.py": """
            TRIES = []
            @api
            def test_a():
                TRIES.append(1)
                if len(TRIES) == 1:
                    assert TRIES == [1]
                    assert 0
            """,
        }
    )
    lean = [name for name in project.lean if name != "rerunfailures"]
    ran = project.run_alone("--reruns=1", lean=lean)
    assert ran.verdicts == {"api.a": NOTHING}


@pytest.mark.skipif(importlib.util.find_spec("pytest_bdd") is None, reason="needs pytest-bdd")
def test_the_steps_of_a_scenario_count(project: Project) -> None:
    """Each scenario is a criterion; what its steps assert is its own."""
    (project.root / "shop.feature").write_text(
        "Feature: shop\n  Scenario: sells\n    Then it sells\n"
        "  Scenario: idles\n    Then it idles\n"
    )
    project.write(
        {
            "pyproject.toml": STRICT,
            "test_shop.py": """
            from pytest_bdd import scenarios, then
            pytestmark = shop
            scenarios("shop.feature")
            @then("it sells")
            def sells(): assert len("x") == 1
            @then("it idles")
            def idles(): pass
            """,
        }
    )
    ran = project.run_alone()
    assert ran.verdicts == {"shop.sells": CONFIRMED, "shop.idles": NOTHING}


@pytest.mark.skipif(importlib.util.find_spec("pytest_asyncio") is None, reason="needs asyncio")
def test_an_async_criterion_counts(project: Project) -> None:
    """The plugin for async tests runs it inside the call."""
    project.write(
        {
            "pyproject.toml": STRICT,
            "test_shop.py": """
            pytestmark = [shop, pytest.mark.asyncio]
            async def test_a(): assert len("x") == 1
            async def test_b(): pass
            """,
        }
    )
    lean = [name for name in project.lean if name != "asyncio"]
    ran = project.run_alone(lean=lean)
    assert ran.verdicts == {"shop.a": CONFIRMED, "shop.b": NOTHING}


@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="needs numpy")
def test_numpys_assertions_count(project: Project) -> None:
    """The assertions of numpy count, called by module or by name."""
    project.write(
        {
            "pyproject.toml": STRICT,
            "test_shop.py": """
            import numpy
            from numpy.testing import assert_allclose
            @shop
            def test_a(): assert_allclose([1.0], [1.0])
            @shop
            def test_b(): numpy.testing.assert_array_equal([1], [1])
            @shop
            def test_c(): numpy.array([1])
            """,
        }
    )
    ran = project.run_alone()
    assert ran.verdicts == {"shop.a": CONFIRMED, "shop.b": CONFIRMED, "shop.c": NOTHING}


def test_without_pytest_s_assertion_plugin_nothing_is_seen(project: Project) -> None:
    """`-p no:assertion` is BLOCKED with the remedy, and leaves no former CONFIRMED behind."""
    project.write(
        {"pyproject.toml": STRICT, "test_shop.py": "@shop\ndef test_a(): assert len('x') == 1\n"}
    )
    assert project.run_alone("-m", "production").verdicts == {"shop.a": CONFIRMED}
    ran = project.run_alone("-m", "production", "-p", "no:assertion")
    assert ran.verdicts == {"shop.a": UNCOUNTED}
    assert ran.status != 0
    assert "-p no:assertion" in ran.criteria["shop.a"]["remedy"]
