"""If a file can't be written, or can't be trusted, the gate is closed with the reason."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_prodstatus import publish, writers
from tests.integration.project import CONFIG, LEAN, SERIAL, SHOP, TIMEOUT_S, XDIST, Project
from tests.integration.warm import path_of_scripts

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
PASSING = {"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP}


@MODES
def test_folder_that_is_a_file_closes_the_gate(project: Project, mode: tuple[str, ...]) -> None:
    """If no output can be written, the run ends with 11 and names the file."""
    project.write({**PASSING, "reports": "not a folder"})
    ran = project.run(*mode)
    assert ran.status == 11
    assert ran.found_record is None
    assert "FINAL BLOCKED" in ran.last_line
    assert "status.json can't be written" in ran.out
    assert (project.root / "reports").read_text(encoding="utf-8") == "not a folder"


@pytest.mark.parametrize("name", ["status.json", "status.html", "STATUS.md"])
@pytest.mark.parametrize("when", ["begin", "end"])
def test_output_that_can_not_be_written_closes_the_gate(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    """If any output fails, at the start or the end, the gate is closed in every record.

    The disk is full from the first write or from the second; a former record was CONFIRMED.
    """
    project.write(PASSING)
    assert project.run().status == 0
    write = writers.write_atomically
    writes: list[str] = []

    def full(path: Path, content: bytes, *, through_link: bool = False) -> None:
        if path.name == name:
            writes.append(name)
            if when == "begin" or len(writes) > 1:
                raise OSError(28, "No space left on device")
        write(path, content, through_link=through_link)

    monkeypatch.setattr(publish, "write_atomically", full)
    ran = project.run()
    assert ran.status == (11 if name == "status.json" else 10)
    assert ran.last_line.startswith("FINAL BLOCKED")
    assert f"{name} can't be written (No space left on device)" in ran.out
    if name == "status.json":
        assert ran.found_record is None
        assert "FINAL STATUS:** **BLOCKED**" in (ran.document or "")
        assert "**CONFIRMED** (" not in (ran.document or "")
        assert "the record could not be written" in (ran.document or "")
    else:
        assert ran.final == "BLOCKED"
        assert ran.record["decision"] == {**ran.record["decision"], "open": False, "exit_code": 10}


def test_unwritable_record_without_a_terminal_is_still_reported(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `-p no:terminal` the message goes to standard error."""
    project.write({**PASSING, "reports": "not a folder"})
    ran = project.run("-p", "no:terminal")
    assert ran.status == 11
    assert "status.json can't be written" in ran.err


@pytest.mark.parametrize("gate", ["confirmed", "not-failed"])
def test_unwritable_outputs_close_every_gate(project: Project, gate: str) -> None:
    """A gate whose record can't be written is closed under every rule but `off`."""
    project.write({**PASSING, "reports": "not a folder"})
    assert project.run(f"--prodstatus-gate={gate}").status != 0


@MODES
@pytest.mark.parametrize("since", ["the start", "the end"])
def test_full_disk_closes_the_gate(project: Project, mode: tuple[str, ...], since: str) -> None:
    """On a disk that really takes no more, the old record goes and the run ends with 11."""
    pytest.importorskip("resource")
    project.write(PASSING)
    assert project.run().status == 0
    hook = {"the start": "pytest_configure", "the end": "pytest_runtest_logreport"}[since]
    # A limit on the size of files fails writes as a full disk does, and for this process alone.
    conftest = f"""
    import resource
    def {hook}():
        size = resource.RLIMIT_FSIZE
        resource.setrlimit(size, (1000, resource.getrlimit(size)[1]))
    """
    project.write({"conftest.py": conftest})
    status, out, err = project.run_piped(*mode)
    assert status == 11
    assert "status.json can't be written" in out
    assert out.splitlines()[-1].startswith("FINAL BLOCKED (target production, gate closed)")
    assert "Traceback" not in err
    assert not (project.folder / "status.json").exists()
    assert {path.name for path in project.folder.iterdir()} <= {"STATUS.md", "status.html"}


@MODES
def test_document_that_is_a_folder_is_a_usage_error(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A document that is a folder is refused in one sentence, exit 4, before anything runs."""
    project.write({**PASSING, "reports/STATUS.md/x": ""})
    status, _, err = project.run_piped(*mode)
    assert status == 4
    assert "STATUS.md: the status document is a folder" in err
    assert "Traceback" not in err
    assert not (project.folder / "status.json").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only POSIX has named pipes")
@pytest.mark.parametrize("name", ["STATUS.md", "status.json"])
def test_output_that_is_no_file_is_a_usage_error(project: Project, name: str) -> None:
    """A pipe or a device, which would be read for ever, is refused in one sentence, exit 4."""
    project.write(PASSING)
    project.folder.mkdir()
    os.mkfifo(project.folder / name)
    status, _, err = project.run_piped()
    assert status == 4
    assert f"{name}: " in err
    assert "regular file" in err


@MODES
def test_newer_record_is_a_usage_error(project: Project, mode: tuple[str, ...]) -> None:
    """A record that a newer release wrote is neither judged nor overwritten."""
    newer = json.dumps({"schema": 99, "final": "?"})
    project.write({**PASSING, "reports/status.json": newer})
    ran = project.run(*mode)
    assert ran.status == 4
    assert "schema 99 is newer" in ran.err
    assert "Traceback" not in ran.err
    assert ran.files == {"status.json"}
    assert (project.folder / "status.json").read_text(encoding="utf-8").strip() == newer


@pytest.mark.parametrize("damage", ["cut", "empty", "no record", "binary", "wrong types"])
def test_damaged_record_carries_nothing_over(project: Project, damage: str) -> None:
    """A last record that can't be read is reported, counts for nothing, and is written anew."""
    project.write(PASSING)
    project.run()
    path = project.folder / "status.json"
    text = path.read_text(encoding="utf-8")
    data = json.loads(text)
    data["stages"] = "many"
    content = {
        "cut": text[: len(text) // 2].encode(),
        "empty": b"",
        "no record": b"[]",
        "binary": b"\xff\xfe\x00",
        "wrong types": json.dumps(data).encode(),
    }[damage]
    path.write_bytes(content)
    ran = project.run("--stage=api")
    assert ran.verdicts == {"api.a": "CONFIRMED", "shop.open": "BLOCKED not-run"}
    assert ran.final == "BLOCKED"
    assert "status.json" in ran.out
    assert "nothing" in plain_after(ran.out)


def plain_after(out: str) -> str:
    """Return a run's output below its board."""
    return out[out.index("wrote ") :]


def test_record_with_forged_confirmed_of_an_unknown_stage_is_not_carried(project: Project) -> None:
    """Only criteria of this catalogue's stages are carried over."""
    project.write(PASSING)
    project.run()
    path = project.folder / "status.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    stage = dict(data["stages"][0], id="ghost", title="GHOST STATUS")
    stage["criteria"] = [dict(stage["criteria"][0], id="ghost.a")]
    data["stages"].append(stage)
    path.write_text(json.dumps(data), encoding="utf-8")
    ran = project.run("--stage=api")
    assert "ghost.a" not in ran.criteria


@MODES
def test_document_of_a_person_is_updated_in_place(project: Project, mode: tuple[str, ...]) -> None:
    """Only the values of known fields change, with every line ending; the rest stays."""
    written = (
        "\ufeff# Ours\r\n\r\n**API STATUS:** unknown\r\nA paragraph, **bold**.\r\n"
        "```\r\n**API STATUS:** in a fence\r\n```\r\n- SHOP STATUS: open?\r\n"
        "**FINAL STATUS:** ?\r\n\r\nThe end"
    )
    project.write(PASSING)
    project.folder.mkdir()
    path = project.folder / "STATUS.md"
    path.write_bytes(written.encode())
    assert project.run(*mode).status == 0
    expected = (
        written.replace(" unknown", " **CONFIRMED** (1 criterion held)")
        .replace(" open?", " **CONFIRMED** (1 criterion held)")
        .replace(":** ?", ":** **CONFIRMED** (every stage that it rolls up is CONFIRMED)")
    )
    assert path.read_bytes().decode() == expected


def test_document_with_a_path_lies_relative_to_the_root(project: Project) -> None:
    """A name with a slash counts from the root, for every target."""
    config = CONFIG.replace('"STATUS.md"', '"docs/STATUS.md"')
    project.write({**PASSING, "pyproject.toml": config})
    assert project.run("--target=demo").status == 0
    assert (project.root / "docs/STATUS.md").exists()
    assert not (project.folder / "demo/STATUS.md").exists()


def test_no_temporary_file_stays(project: Project) -> None:
    """After a run the folder holds the three outputs and nothing else."""
    project.write(PASSING)
    assert project.run().files == {"STATUS.md", "status.html", "status.json"}
    assert project.run(*XDIST).files == {"STATUS.md", "status.html", "status.json"}


def test_report_of_pytest_html_that_can_not_be_written_is_reported(project: Project) -> None:
    """The gate doesn't depend on this output: the run is judged, and the file is named."""
    pytest.importorskip("pytest_html")
    config = CONFIG.replace("[tool.prodstatus]", '[tool.prodstatus]\nhtml = "report.html"')
    project.write({**PASSING, "pyproject.toml": config, "reports/report.html/x": ""})
    lean = tuple(name for name in LEAN if name not in ("html", "metadata"))
    ran = project.run("-m", "production", lean=lean)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert "report.html can't be written (not a regular file)" in ran.out


# In a namespace of its own, so that the file system goes with the process that mounted it.
_ON_A_SMALL_DISK = """
mount -t tmpfs -o size=128k tmpfs reports && {pytest} >first.txt 2>&1 || exit 99
{harm}
{pytest}
echo "status $?"
ls -A reports | sed 's/^/left /'
"""
_HARMS = {
    "full": "head -c 1000000 /dev/zero >reports/filler 2>/dev/null",
    "read-only": "mount -o remount,ro reports",
}


@pytest.mark.parametrize("harm", _HARMS)
def test_disk_that_is_full_or_read_only_closes_the_gate(project: Project, harm: str) -> None:
    """On a real such disk, the run names the file that can't be written and ends closed.

    A file that can't even be removed stays, and is old.
    """
    mounts = shutil.which("unshare") and not subprocess.call(["unshare", "-m", "true"])
    if not mounts:
        pytest.skip("only a system's owner can mount a disk")
    project.write(PASSING)
    project.folder.mkdir()
    command = shlex.join([sys.executable, "-m", "pytest"]) if harm == "full" else "pytest"
    script = _ON_A_SMALL_DISK.format(pytest=f"{command} -p no:cacheprovider", harm=_HARMS[harm])
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=project.root,
        env={**os.environ, "PATH": path_of_scripts()},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    output, _, left = done.stdout.partition("status ")
    assert left.startswith("11\n"), done.stdout + done.stderr
    assert "status.json can't be written" in output
    assert output.splitlines()[-1].startswith("FINAL BLOCKED")
    names = {line.removeprefix("left ") for line in left.splitlines()[1:]}
    assert not any(name.endswith(".tmp") for name in names)
    assert ("status.json" in names) == (harm == "read-only")


@MODES
def test_nothing_is_kept_beyond_the_run(project: Project, mode: tuple[str, ...]) -> None:
    """No status or criterion outlives the run, because pytest's last collection would visit it."""
    counts = """
    import gc
    import pytest

    def count():
        names = [type(kept).__name__ for kept in gc.get_objects()]
        with open("left", "a") as file:
            file.write(f"{names.count('CriterionStatus')} {names.count('Criterion')}\\n")

    @pytest.hookimpl(trylast=True)
    def pytest_configure(config):
        config.add_cleanup(count)
    """
    project.write({**PASSING, "conftest.py": counts})
    assert project.run_alone(*mode).final == "CONFIRMED"
    counted = (project.root / "left").read_text().splitlines()
    assert counted == ["0 0"] * (3 if mode else 1)


def test_a_line_of_the_document_that_is_not_updated_is_named(project: Project) -> None:
    """Once, although the run writes the document twice, with its path and line."""
    shape = "see **API STATUS:** CONFIRMED\n"
    project.write({**PASSING, "reports/STATUS.md": f"{shape}\n**API STATUS:** ?\n"})
    ran = project.run()
    assert (ran.document or "").startswith(f"{shape}\n**API STATUS:** **CONFIRMED** (")
    assert ran.out.count("STATUS.md line 1: 'API STATUS' stands within a line") == 1


def test_a_document_that_can_not_be_updated_closes_the_gate(project: Project) -> None:
    """It stays as it is, and the run names the reason."""
    content = "**API STATUS:** CONFIRMED\n".encode("utf-16-le")
    project.write(PASSING)
    project.folder.mkdir()
    (project.folder / "STATUS.md").write_bytes(content)
    ran = project.run()
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert "STATUS.md can't be read (it is UTF-16 without a byte-order mark" in ran.out
    assert (project.folder / "STATUS.md").read_bytes() == content
