"""What a test does to the disk, or to Python's functions for it, is never the system's failure."""

from __future__ import annotations

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, Project
from tests.integration.verdicts.test_attachments import ON

MODES = pytest.mark.parametrize("mode", [SERIAL, ("-n", "1")], ids=["serial", "n1"])

FAKE = '''
import fcntl, io, os, stat, sys, tempfile, types
import pytest

MADE = set()

def gone(path, *_, **__):
    raise FileNotFoundError(2, "No such file or directory", str(path))

def opened(path, flags, *_, **__):
    if os.path.dirname(path) not in MADE: gone(path)
    MADE.add(str(path))
    return 9000

def state(path, **_):
    if str(path) not in MADE: gone(path)
    return os.stat_result([stat.S_IFREG] + [0] * 9)

def replaced(module, **functions):
    other = types.ModuleType(module.__name__)
    vars(other).update(vars(module), **functions)
    return other

@pytest.fixture
def fs(monkeypatch):
    """An empty file system, as pyfakefs puts it into each module that has one of these."""
    MADE.clear()
    nothing = lambda *_, **__: 0
    others = {
        "os": replaced(
            os, open=opened, stat=state, lstat=state, fstat=nothing, close=nothing,
            mkdir=lambda path, *_: MADE.add(path), write=lambda _, text: len(text),
            fsync=nothing, ftruncate=nothing, truncate=nothing,
            scandir=gone, unlink=gone, replace=gone, rename=gone,
        ),
        "io": replaced(io, open=gone),
        "fcntl": replaced(fcntl, fcntl=nothing, lockf=nothing),
    }
    others["os"].path = replaced(os.path, samestat=lambda *_: True)
    kept = ("_pytest", "pytest", "pluggy", "xdist", "execnet", "conftest", "os", "io", "test_")
    for name, module in sys.modules.copy().items():
        if name.partition(".")[0] == "pytest_prodstatus" or not name.startswith(kept):
            for key, other in others.items():
                if vars(module).get(key) is sys.modules[key]:
                    monkeypatch.setattr(module, key, other)
    yield
'''


@MODES
def test_a_faked_file_system(project: Project, mode: tuple[str, ...]) -> None:
    """The plugin's own folder is on the real disk: made before the test, and written beside it."""
    tests = """
    @api
    def test_waits(fs, eventually): eventually(lambda: 7, what="x", within="1s")

    @pytest.mark.stage("api", side_effects=True)
    def test_acts(evidence, fs): evidence(order="A-1")

    @api
    def test_attaches(fs, evidence): evidence.attach("a.txt", "of the faked one")

    @api
    def test_later(evidence, tmp_path):
        (tmp_path / "b").write_text("of the real one")
        evidence.attach("b.txt", tmp_path / "b")

    @pytest.mark.stage("shop", side_effects=True)
    def test_acts_later(evidence): evidence(order="A-2")
    """
    project.write({"pyproject.toml": ON, "conftest.py": FAKE, "test_all.py": tests})
    ran = project.run_alone(*mode)
    assert set(ran.verdicts.values()) == {"CONFIRMED"}
    assert (ran.status, "Traceback" in ran.err) == (0, False)
    assert ran.values("api.acts") == {"order": {"type": "text", "value": "A-1"}}
    folder = project.folder / "attachments" / ran.record["run"]["id"]
    assert {path.read_text() for path in folder.iterdir()} == {
        "of the faked one",
        "of the real one",
    }
    assert not [*(project.root / ".spools").glob("prodstatus-run-*")]


@MODES
def test_an_assertion_that_is_always_true_is_found_all_the_same(
    project: Project, mode: tuple[str, ...]
) -> None:
    """The source of a test is that on the real disk."""
    required = CONFIG.replace(
        "[tool.prodstatus]\n", "[tool.prodstatus]\nrequire_assertion = true\n", 1
    )
    tests = """
    @api
    def test_a(fs): assert ("paid", 1)

    @shop
    def test_b(): assert ("paid", 1)
    """
    project.write({"pyproject.toml": required, "conftest.py": FAKE, "test_all.py": tests})
    ran = project.run_alone(*mode, "-m", "production")
    assert set(ran.verdicts.values()) == {"BLOCKED proves-nothing"}


@MODES
def test_another_place_for_temporary_files(project: Project, mode: tuple[str, ...]) -> None:
    """The plugin's folder lies where they were before any test, and stays."""
    tests = """
    import tempfile

    @api
    def test_waits(eventually, monkeypatch):
        with tempfile.TemporaryDirectory() as folder:
            monkeypatch.setattr(tempfile, "tempdir", folder)
            eventually(lambda: 7, what="x", within="1s")

    @pytest.mark.stage("shop", side_effects=True)
    def test_acts(): pass
    """
    project.write({"test_all.py": tests})
    ran = project.run_alone(*mode)
    assert (ran.status, set(ran.verdicts.values())) == (0, {"CONFIRMED"})


@MODES
def test_temporary_files_that_a_test_removes(project: Project, mode: tuple[str, ...]) -> None:
    """The criterion that runs is judged by itself; none acts whose start can't be noted."""
    tests = """
    import shutil, tempfile

    @pytest.fixture
    def emptied():
        found = [*Path(os.environ["TMPDIR"]).glob("prodstatus-run-*")]
        assert found
        for folder in found: shutil.rmtree(folder)

    @pytest.mark.stage("api", side_effects=True)
    def test_acts(emptied, evidence, eventually):
        evidence(order="A-1")
        evidence.attach("a.txt", "a")
        eventually(lambda: 7, what="x", within="1s")

    @pytest.mark.stage("shop", side_effects=True)
    def test_acts_later(): Path("acted").touch()

    @shop
    def test_open(): pass
    """
    project.write({"pyproject.toml": ON, "test_all.py": tests})
    ran = project.run_alone(*mode)
    assert ran.verdicts == {
        "api.acts": "CONFIRMED",
        "shop.acts-later": "BLOCKED inconclusive",
        "shop.open": "CONFIRMED",
    }
    assert (ran.status, (project.root / "acted").exists()) == (10, False)
    assert ran.values("api.acts") == {
        "order": {"type": "text", "value": "A-1"},
        "x": {"type": "bool", "value": True},
    }
    later = ran.criteria["shop.acts-later"]
    assert later["reason"].startswith("it acts on the world, and that it starts can't be noted in ")
    assert later["reason"].endswith(": No such file or directory")
    assert "spool.py" not in ran.out
    assert "an attachment got lost: no temporary file can be written" in ran.out


@MODES
def test_a_full_disk(project: Project, mode: tuple[str, ...]) -> None:
    """What was done in the world was done; the record has the evidence that no file could take."""
    tests = """
    import resource
    from contextlib import contextmanager

    @contextmanager
    def full():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2, hard))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    @pytest.mark.stage("api", side_effects=True)
    def test_acts(evidence, eventually):
        with full():
            evidence(order="A-1")
            eventually(lambda: 7, what="x", within="1s")
    """
    project.write({"test_all.py": tests, "test_shop.py": SHOP})
    ran = project.run_alone(*mode)
    assert ran.verdicts == {"api.acts": "CONFIRMED", "shop.open": "CONFIRMED"}
    assert ran.values("api.acts")["order"] == {"type": "text", "value": "A-1"}
    assert ran.status == 0


@MODES
def test_mocked_functions(project: Project, mode: tuple[str, ...]) -> None:
    """What a test puts in the place of Python's functions isn't called for the plugin's files."""
    tests = """
    from unittest.mock import patch

    @pytest.mark.stage("api", side_effects=True)
    def test_acts(evidence, eventually):
        names = ("open", "write", "close", "fsync", "replace", "stat", "unlink")
        with (
            patch.multiple("os", **{name: None for name in names}),
            patch("pathlib.Path.stat", None),
            patch("builtins.open", None),
        ):
            evidence(order="A-1")
            evidence.attach("a.txt", "a")
            eventually(lambda: 7, what="x", within="1s")

    @pytest.mark.stage("shop", side_effects=True)
    def test_acts_later(): pass
    """
    project.write({"pyproject.toml": ON, "test_all.py": tests})
    ran = project.run_alone(*mode)
    assert (ran.status, set(ran.verdicts.values())) == (0, {"CONFIRMED"})
    assert ran.values("api.acts")["order"] == {"type": "text", "value": "A-1"}


@pytest.mark.parametrize("name", ["os.replace", "os.rename", "pathlib.Path.replace"])
def test_a_mock_that_is_never_stopped(project: Project, name: str) -> None:
    """The record says what the terminal does; so it does with workers, which write nothing."""
    tests = f"""
    from unittest.mock import patch

    @api
    def test_a(): patch("{name}").start()
    """
    project.write({"test_all.py": tests, "test_shop.py": SHOP})
    ran = project.run_alone()
    ran.check_coherent()
    assert (ran.status, ran.final, bool(ran.record["run"]["finished"])) == (0, "CONFIRMED", True)
