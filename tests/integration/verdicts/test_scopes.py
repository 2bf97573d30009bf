"""Who answers for a tear-down that several tests share; the matrix has every mode."""

from __future__ import annotations

import pytest

from tests.integration.project import LEAN, SERIAL, XDIST, Project

FAILED = "FAILED observed"


def test_all_that_used_it_answer(project: Project) -> None:
    """A failed tear-down falls on all who used the fixture, directly or not, and no others."""
    project.write(
        {
            "conftest.py": """
            import pytest
            @pytest.fixture(scope="session")
            def store():
                yield
                raise RuntimeError("the store went down")
            @pytest.fixture(scope="session")
            def clerk(request): return request.getfixturevalue("store")
            """,
            "test_api.py": """
            @api
            def test_first(clerk): pass
            @api
            def test_second_hand(clerk): pass
            @api
            def test_by_name(request): request.getfixturevalue("clerk")
            @api
            class TestOverriding:
                @pytest.fixture
                def store(self): return "another"
                def test_another(self, store): pass
            @api
            class TestWrapping:
                @pytest.fixture
                def store(self, store): return store
                def test_wrapped(self, store): pass
            @api
            def test_none(): pass
            """,
        }
    )
    ran = project.run()
    assert ran.verdicts == {
        "api.first": FAILED,
        "api.second-hand": FAILED,
        "api.by-name": FAILED,
        "api.another": "CONFIRMED",
        "api.wrapped": FAILED,
        "api.none": "CONFIRMED",
    }
    criterion = ran.criteria["api.first"]
    assert criterion["reason"] == (
        "the tear-down of the session fixture 'store' failed: RuntimeError: the store went down"
    )
    assert "raise RuntimeError" in criterion["detail"]
    assert "clerk" not in criterion["reason"]


def test_same_name_elsewhere_is_another_fixture(project: Project) -> None:
    """Two files, or two classes, may have fixtures of one name; only the one that failed counts."""
    fixture = """
    @pytest.fixture(scope="{scope}")
    def store():
        yield
        assert {holds}
    @{stage}
    def test_{name}(store): pass
    """
    project.write(
        {
            "test_api.py": fixture.format(scope="session", holds=0, stage="api", name="a"),
            "test_more.py": fixture.format(scope="session", holds=1, stage="api", name="b"),
            "test_shop.py": """
            class Store:
                @pytest.fixture(scope="class")
                def store(self, request):
                    yield
                    assert request.cls is not TestOne
            @shop
            class TestOne(Store):
                def test_c(self, store): pass
            @shop
            class TestTwo(Store):
                def test_d(self, store): pass
            """,
        }
    )
    assert project.run().verdicts == {
        "api.a": FAILED,
        "api.b": "CONFIRMED",
        "shop.c": FAILED,
        "shop.d": "CONFIRMED",
    }


def test_several_tear_downs_fail_at_once(project: Project) -> None:
    """Each is laid on those who used it, and the test's own on the test alone."""
    project.write(
        {
            "test_api.py": """
            def fails(what):
                yield
                raise RuntimeError(what)
            @pytest.fixture(scope="module")
            def store(): yield from fails("store")
            @pytest.fixture(scope="session")
            def region(): yield from fails("region")
            @pytest.fixture
            def order(): yield from fails("order")
            @pytest.fixture
            def late():
                yield
                blocked("nothing was sold", kind="no-data")
            @api
            def test_a(store): pass
            @api
            def test_b(region): pass
            @api
            def test_c(order): pass
            """,
            "test_shop.py": "@shop\ndef test_d(): pass\n",
        }
    )
    own = project.run()
    project.write({"test_shop.py": "@shop\ndef test_d(late): pass\n"})
    text = (project.root / "test_api.py").read_text().replace("test_c(order)", "test_c(late)")
    (project.root / "test_api.py").write_text(text)
    (project.root / "test_shop.py").unlink()
    skipped = project.run()
    verdicts = {"api.a": FAILED, "api.b": FAILED}
    assert own.verdicts == {**verdicts, "api.c": "FAILED error", "shop.d": "CONFIRMED"}
    assert skipped.verdicts == {**verdicts, "api.c": "BLOCKED no-data"}
    for ran in (own, skipped):
        reasons = [ran.criteria[name]["reason"].rpartition(": ")[2] for name in ("api.a", "api.b")]
        assert reasons == ["store", "region"]


def test_set_up_that_fails_uses_it_too(project: Project) -> None:
    """A fixture that fails half-way and leaves something behind is used by all who asked for it."""
    project.write(
        {
            "test_api.py": """
            def down(): raise RuntimeError("still there")
            @pytest.fixture(scope="session")
            def store(request):
                request.addfinalizer(down)
                raise OSError("half-way")
            @api
            def test_a(store): pass
            @api
            def test_b(store): pass
            @api
            def test_c(): pass
            """
        }
    )
    assert project.run().verdicts == {"api.a": FAILED, "api.b": FAILED, "api.c": "CONFIRMED"}


def test_no_hook_and_no_rerun_betters_it(project: Project) -> None:
    """Neither a hook that swallows the exception nor a rerun of the last test betters it."""
    tests = """
    @pytest.fixture(scope="module")
    def store():
        yield
        assert Path("again").exists(), Path("again").touch()
    @api
    def test_a(store): pass
    @api
    def test_b(store): pass
    """
    swallows = """
    import pytest
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown():
        try:
            return (yield)
        except BaseException:
            return None
    """
    project.write({"test_api.py": tests})
    ran = project.run("--reruns=1", lean=[name for name in LEAN if name != "rerunfailures"])
    assert ran.verdicts == {"api.a": FAILED, "api.b": FAILED}
    (project.root / "again").unlink()
    project.write({"conftest.py": swallows})
    ran = project.run()
    assert (ran.status, ran.verdicts) == (1, {"api.a": FAILED, "api.b": FAILED})


def test_exit_tears_down_late(project: Project) -> None:
    """After `pytest.exit` the tear-down fails out of the session's end: the same verdicts."""
    project.write(
        {
            "test_api.py": """
            @pytest.fixture(scope="session")
            def store():
                yield
                raise RuntimeError("the store went down")
            @api
            def test_a(store): pass
            @api
            def test_b(): pytest.exit("enough", returncode=0)
            """,
            "test_shop.py": "@shop\ndef test_open(store): pass\n",
        }
    )
    ran = project.run_alone()
    assert ran.verdicts == {
        "api.a": FAILED,
        "api.b": "BLOCKED not-run",
        "shop.open": "BLOCKED not-run",
    }
    assert ran.status != 0
    assert ran.record["decision"]["open"] is False
    assert "the store went down" in ran.criteria["api.a"]["detail"]


@pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
@pytest.mark.parametrize("scope", ["class", "module", "session"])
def test_a_blocked_that_a_shared_tear_down_swallows(
    project: Project, scope: str, mode: tuple[str, ...]
) -> None:
    """The criterion at which it was torn down is BLOCKED, so that FINAL isn't CONFIRMED."""
    test = f"""
    @pytest.fixture(scope="{scope}")
    def store():
        yield
        try:
            blocked("the store is closed", kind="no-data")
        except BaseException:
            pass
    @api
    class TestIt:
        def test_a(self, store): pass
    """
    project.write({"test_api.py": test, "test_shop.py": "@shop\ndef test_b(): pass\n"})
    ran = project.run(*mode, "test_shop.py", "test_api.py")
    assert ran.verdicts["api.a"] == "BLOCKED no-data"
    assert ran.final == "BLOCKED"
