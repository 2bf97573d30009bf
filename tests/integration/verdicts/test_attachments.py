"""What a criterion attached lies beside the record, in every mode of running the tests."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.integration.project import CONFIG, SERIAL, SHOP, XDIST, Project, Ran

MODES = {"serial": SERIAL, "n2": XDIST}
ON = CONFIG.replace("[tool.prodstatus]\n", "[tool.prodstatus]\nattachments = true\n", 1)
PICTURE = r'PNG = b"\x89PNG\r\n\x1a\n\0\xff"' + "\n"
TESTS = f"""
{PICTURE}
@pytest.fixture
def shot(evidence, request):
    yield
    evidence.attach("../shop/front door.png", PNG + request.node.name.encode())

@api
def test_passes(shot, evidence):
    evidence.attach("server.log", "token hunter2hunter2 <script>\\n")

@api
def test_fails(shot):
    assert 1 == 2

@shop
def test_none(): pass

@shop
def test_refused(evidence):
    try:
        evidence.attach("notes", "m\\xfcde".encode("latin-1"))
    except TypeError:
        pass
"""


def attached(ran: Ran, project: Project, name: str) -> dict[str, bytes]:
    """Return a criterion's attachments by name; each file is what the record says."""
    found = {}
    for one in ran.criteria[name].get("attachments", ()):
        folder = project.folder / "attachments" / ran.record["run"]["id"]
        content = (folder / f"{one['sha256'][:16]}-{one['name']}").read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"]
        assert len(content) == one["size"]
        found[one["name"]] = content
    return found


@pytest.mark.parametrize("mode", [*MODES, "remote"])
def test_the_same_in_every_mode(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Also of a failed criterion in its tear-down, and from workers that share no folder.

    A refused attachment is BLOCKED, evidence-error, also if the test swallows the exception.
    """
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    project.write({"pyproject.toml": ON, "test_all.py": TESTS})
    args = project.remote(monkeypatch) if mode == "remote" else MODES[mode]
    ran = project.run(*args)
    assert ran.verdicts == {
        "api.passes": "CONFIRMED",
        "api.fails": "FAILED observed",
        "shop.none": "CONFIRMED",
        "shop.refused": "BLOCKED evidence-error",
    }
    assert ran.status == 1
    picture = b"\x89PNG\r\n\x1a\n\0\xff"
    assert attached(ran, project, "api.passes") == {
        "server.log": b"token ******** <script>\n",
        "front-door.png": picture + b"test_passes",
    }
    assert attached(ran, project, "api.fails") == {"front-door.png": picture + b"test_fails"}
    assert "attachments" not in ran.criteria["shop.none"]
    links = re.findall(r'href="(attachments/[^"]*)"', ran.page or "")
    assert len(links) == 3
    assert all((project.folder / link).is_file() for link in links)


def test_what_raises_when_it_is_read_is_refused(project: Project) -> None:
    """A name without a repr, a path that raises: it says nothing of the system."""
    test = """
    class Strange:
        def __fspath__(self): raise KeyError("strange")
        __repr__ = __fspath__
    @api
    def test_a(evidence): evidence.attach("a.txt", Strange())
    @api
    def test_b(evidence): evidence.attach(Strange(), "a")
    """
    project.write({"pyproject.toml": ON, "test_all.py": test})
    ran = project.run()
    assert set(ran.verdicts.values()) == {"BLOCKED evidence-error"}
    assert ran.criteria["api.a"]["reason"].endswith("can't be read: the data raised KeyError")


@pytest.mark.parametrize("args", MODES.values(), ids=MODES)
def test_off_changes_no_verdict(project: Project, args: tuple[str, ...]) -> None:
    """The run says once that nothing is kept; not even a refused one counts."""
    project.write({"test_all.py": TESTS.replace("1 == 2", "1 == 1")})
    ran = project.run(*args)
    assert (ran.status, set(ran.verdicts.values())) == (0, {"CONFIRMED"})
    assert ran.out.count("evidence.attach keeps nothing, since attachments are off") == 1
    assert not (project.folder / "attachments").exists()


@pytest.mark.parametrize("args", MODES.values(), ids=MODES)
def test_only_the_last_attempt_counts(project: Project, args: tuple[str, ...]) -> None:
    """Only attachments of the last attempt are kept, as with evidence."""
    test = f"""
    {PICTURE}
    STARTS = []
    @api
    @pytest.mark.flaky(reruns=1)
    def test_a(evidence):
        STARTS.append(1)
        evidence.attach("x.txt", f"attempt {{len(STARTS)}}")
        assert len(STARTS) == 2
    """
    project.write({"pyproject.toml": ON, "test_a.py": test, "test_shop.py": SHOP})
    ran = project.run(*args, lean=[name for name in project.lean if name != "rerunfailures"])
    assert ran.criteria["api.a"]["flaky"]
    assert attached(ran, project, "api.a") == {"x.txt": b"attempt 2"}
    folder = project.folder / "attachments" / ran.record["run"]["id"]
    assert len([*folder.iterdir()]) == 1


def test_a_killed_run_leaves_no_files(project: Project) -> None:
    """Its record says that it never finished, so the next run removes its folder."""
    project.write({"pyproject.toml": ON, "test_api.py": TESTS, "test_shop.py": SHOP})
    first = project.run()
    killed = project.folder / "attachments" / first.record["run"]["id"]
    assert killed.is_dir()
    path = project.folder / "status.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'("finished": )"[^"]*"', r"\1null", text, count=1), encoding="utf-8")
    second = project.run()
    assert second.record["run"]["id"] != first.record["run"]["id"]
    assert not killed.exists()
    assert len(attached(second, project, "api.passes")) == 2


def test_what_is_carried_over_keeps_its_files(project: Project) -> None:
    """A partial run links to the files of the run that observed it, and keeps them."""
    project.write({"pyproject.toml": ON, "test_api.py": TESTS, "test_shop.py": SHOP})
    first = project.run("-m", "production")
    second = project.run("-m", "production", "--stage", "shop")
    assert second.criteria["api.passes"]["carried_over"]
    assert (
        second.criteria["api.passes"]["attachments"] == first.criteria["api.passes"]["attachments"]
    )
    links = re.findall(r'href="(attachments/[^"]*)"', second.page or "")
    assert len(links) == 3
    assert all((project.folder / link).is_file() for link in links)
