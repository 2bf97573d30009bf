"""A criterion with side effects starts at most once a run, and what it saw outlives a crash."""

from __future__ import annotations

import pytest

from tests.integration.project import LEAN, SERIAL, SHOP, XDIST, Project

ONCE = """
@pytest.mark.stage("api", side_effects=True)
def test_buy(evidence):
    with Path("starts").open("a") as file:
        file.write("x")
    evidence(order_id="A-1")
    {then}
"""
RERUN = tuple(name for name in LEAN if name != "rerunfailures")
MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])


def starts(project: Project) -> int:
    """Return how often the criterion started."""
    return len((project.root / "starts").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("args", "mark"),
    [
        (("--parallel-threads=3",), ""),
        (("--parallel-threads=auto",), ""),
        (("--iterations=2",), ""),
        ((), "@pytest.mark.iterations(2)"),
        ((), "@pytest.mark.force_parallel_threads(4)"),
    ],
)
def test_pytest_run_parallel_must_not_call_it_twice(
    project: Project, args: tuple[str, ...], mark: str
) -> None:
    """It calls the function itself, so that no second start can be seen: the run is refused."""
    options = """
    def pytest_addoption(parser):
        parser.addoption("--parallel-threads", default=1)
        parser.addoption("--iterations", default=1, type=int)
    """
    project.write({"conftest.py": options, "test_api.py": ONCE.format(then="")})
    assert project.run().verdicts == {"api.buy": "CONFIRMED"}
    project.write({"test_api.py": mark + ONCE.format(then="")})
    ran = project.run(*args)
    assert ran.status == 4
    assert "the plugin run-parallel would call it several times" in ran.err
    assert starts(project) == 1


@MODES
@pytest.mark.parametrize(
    "args",
    [("--reruns=3",), ("--reruns=3", "--force-reruns=3"), ("--reruns=3", "--rerun-except=OSError")],
    ids=["reruns", "force-reruns", "rerun-except"],
)
def test_failing_starts_once_under_reruns(
    project: Project, mode: tuple[str, ...], args: tuple[str, ...]
) -> None:
    """A criterion with side effects that FAILED isn't started again, and keeps its evidence."""
    project.write({"test_api.py": ONCE.format(then="assert 0"), "test_shop.py": SHOP})
    ran = project.run(*mode, *args, lean=RERUN)
    assert starts(project) == 1
    assert ran.verdicts == {"api.buy": "FAILED observed", "shop.open": "CONFIRMED"}
    assert ran.values("api.buy") == {"order_id": {"type": "text", "value": "A-1"}}
    assert ran.status == 1


@MODES
def test_own_flaky_mark_does_not_start_it_again(project: Project, mode: tuple[str, ...]) -> None:
    """A `flaky` mark on the test itself doesn't start it again either."""
    test = "@pytest.mark.flaky(reruns=3)" + ONCE.format(then="assert 0")
    project.write({"test_api.py": test})
    ran = project.run(*mode, lean=RERUN)
    assert starts(project) == 1
    assert ran.verdicts == {"api.buy": "FAILED observed"}
    assert ran.status == 1


def test_rerun_by_a_plugin_that_ignores_the_mark_is_refused(project: Project) -> None:
    """If a plugin runs the item's protocol twice, the second start is refused; the first counts."""
    twice = """
    import pytest
    from _pytest.runner import runtestprotocol
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        for _ in range(2):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=nextitem)
        return True
    """
    project.write({"conftest.py": twice, "test_api.py": ONCE.format(then="")})
    ran = project.run()
    assert starts(project) == 1
    assert ran.verdicts == {"api.buy": "CONFIRMED"}
    assert ran.values("api.buy") == {"order_id": {"type": "text", "value": "A-1"}}


@pytest.mark.parametrize("then", ["", "assert 0"], ids=["passes", "fails"])
def test_dist_each_starts_it_in_one_worker(project: Project, then: str) -> None:
    """Under `--dist each` one worker starts it; the other's refusal doesn't count."""
    project.write({"test_api.py": ONCE.format(then=then), "test_shop.py": SHOP})
    ran = project.run(*XDIST, "--dist=each")
    assert starts(project) == 1
    assert ran.verdicts["api.buy"] == ("FAILED observed" if then else "CONFIRMED")
    assert ran.verdicts["shop.open"] == "CONFIRMED"
    assert ran.status == (1 if then else 0)


@pytest.mark.parametrize("arg", ["--dist=load", "--reruns=3", "--dist=each"])
def test_evidence_survives_a_crash_on_the_next_line(project: Project, arg: str) -> None:
    """What was recorded is kept though its worker died at once; no other worker starts it."""
    project.write({"test_api.py": ONCE.format(then="os._exit(3)"), "test_shop.py": SHOP})
    ran = project.run(*XDIST, arg, lean=RERUN)
    assert starts(project) == 1
    assert ran.verdicts["api.buy"] == "FAILED crash"
    assert ran.values("api.buy") == {"order_id": {"type": "text", "value": "A-1"}}
    assert ran.final == "FAILED"
    assert ran.status != 0


@MODES
@pytest.mark.parametrize("then", ["raise KeyboardInterrupt", "pytest.exit('stop')"])
@pytest.mark.parametrize("protocol", ["rerunfailures", "conftest"])
def test_an_interrupted_start_is_a_start(
    project: Project, mode: tuple[str, ...], then: str, protocol: str
) -> None:
    """It counts as started, with its evidence, whichever plugin withholds its reports."""
    files = {"test_api.py": ONCE.format(then=then), "test_shop.py": SHOP}
    if protocol == "conftest":
        files["conftest.py"] = """
        from _pytest.runner import runtestprotocol
        def pytest_runtest_protocol(item, nextitem):
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    project.write(files)
    lean = RERUN if protocol == "rerunfailures" else LEAN
    ran = project.run_alone(*mode, lean=lean)
    assert (starts(project), ran.status) == (1, 2)
    assert ran.verdicts["api.buy"] == "BLOCKED not-run"
    assert ran.criteria["api.buy"]["reason"] == "it did not run to its end"
    assert ran.criteria["api.buy"]["attempts"] == 1
    assert ran.values("api.buy") == {"order_id": {"type": "text", "value": "A-1"}}
    after = project.run_alone(*mode, "--unmet", lean=lean)
    assert starts(project) == 1
    assert after.verdicts == {"api.buy": "BLOCKED not-run", "shop.open": "CONFIRMED"}
    assert after.status == 10


def test_crash_is_no_flake(project: Project) -> None:
    """With side effects, a crash stays the worst that was seen, even if a rerun follows.

    Without side effects a rerun supersedes it, as it does any failure.
    """
    crash = """
    @api
    def test_a():
        if not Path("again").exists():
            Path("again").touch()
            os._exit(3)
    """
    project.write({"test_api.py": crash, "test_shop.py": SHOP})
    ran = project.run(*XDIST, "--reruns=3", lean=RERUN)
    assert ran.final != "CONFIRMED"
    assert ran.status != 0


@MODES
def test_repeated_items_start_it_once(project: Project, mode: tuple[str, ...]) -> None:
    """`--count` of pytest-repeat makes items of their own; only the first of them starts."""
    repeat = """
    def pytest_generate_tests(metafunc):
        metafunc.fixturenames.append("__pytest_repeat_step_number")
        metafunc.parametrize(
            "__pytest_repeat_step_number", range(3), indirect=True, ids=["1-3", "2-3", "3-3"]
        )
    import pytest
    @pytest.fixture
    def __pytest_repeat_step_number(request):
        return request.param
    """
    project.write({"conftest.py": repeat, "test_api.py": ONCE.format(then="")})
    ran = project.run(*mode)
    assert starts(project) == 1
    assert ran.final == "BLOCKED"
    assert ran.status == 10


def test_same_file_named_twice_starts_it_once(project: Project) -> None:
    """`--keep-duplicates` runs an item twice; one with side effects only once."""
    project.write({"test_api.py": ONCE.format(then="")})
    ran = project.run("--keep-duplicates", "test_api.py", "test_api.py")
    assert starts(project) == 1
    assert ran.verdicts == {"api.buy": "CONFIRMED"}


def test_parametrised_items_each_start(project: Project) -> None:
    """Items with parameters are criteria of their own: each may start once."""
    test = ONCE.format(then="").replace("(evidence)", "(evidence, region)")
    parameters = "@pytest.mark.parametrize('region', ['eu', 'us'])"
    project.write({"test_api.py": parameters + test})
    ran = project.run()
    assert starts(project) == 2
    assert ran.verdicts == {"api.buy[eu]": "CONFIRMED", "api.buy[us]": "CONFIRMED"}


def test_next_run_may_start_it_again(project: Project) -> None:
    """A criterion may start once in each run: the spool goes with its run."""
    project.write({"test_api.py": ONCE.format(then=""), "test_shop.py": SHOP})
    assert project.run().status == 0
    assert project.run().status == 0
    assert starts(project) == 2
