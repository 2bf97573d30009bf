"""A command's exit status and its answer never depend on the terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_prodstatus.cli.main import Output, main
from tests.unit.cli.conftest import Shop

COMMANDS = (
    ("gate",),
    ("gate", "--format", "json"),
    ("gate", "--format", "github"),
    ("render",),
    ("merge", "reports/status.json", "--output", "merged.json"),
    ("export", "ctrf"),
    ("export", "junit"),
    ("init",),
    ("gate", "--unknown"),
    ("--help",),
)


class Sink(io.RawIOBase):
    """A file that keeps bytes, at most so many at once, until it is full."""

    def __init__(self, room: int = 1 << 30, at_once: int = 7) -> None:
        self.content = b""
        self._room = room
        self._at_once = at_once

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: object) -> int:
        """Keep some of the bytes."""
        if len(self.content) >= self._room:
            raise OSError(28, "No space left on device")
        piece = bytes(memoryview(data)[: self._at_once])  # type: ignore[arg-type]
        self.content += piece
        return len(piece)


def printed(text: str, encoding: str, errors: str = "strict") -> bytes:
    """Return the bytes that a terminal of an encoding gets."""
    sink = Sink()
    stream = io.TextIOWrapper(io.BufferedWriter(sink), encoding, errors)
    Output(stream).write(text)
    return sink.content


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", "utf-16-le", "cp437", "koi8-r"])
@pytest.mark.parametrize("text", ["key → ключ €\n", "\x1b[31m\x07\u202e\u200f\x85\udcff é\n"])
def test_every_encoding_can_take_every_text(encoding: str, text: str) -> None:
    """A character that the encoding lacks, or a terminal acts on, becomes an escape."""
    shown = printed(text, encoding).decode(encoding)
    assert shown.endswith("\n")
    assert not {"\x1b", "\x07", "\u202e", "\u200f", "\x85", "\udcff"} & {*shown}
    if text.startswith("key"):
        assert shown == text.encode(encoding, "backslashreplace").decode(encoding)


def run(shop: Shop, command: tuple[str, ...], **how: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a process of its own."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "pytest_prodstatus", *command], cwd=shop.root, check=False, **how
    )


@pytest.mark.slow  # runs processes
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_and_a_closed_pipe_change_no_status(shop: Shop) -> None:
    """Neither changes the status, even when Python flushes its streams at the end."""
    shop.record()
    usual = run(shop, ("gate",), capture_output=True)
    read, write = os.pipe()
    os.close(read)
    with Path("/dev/full").open("wb") as full:
        on_full = run(shop, ("gate",), stdout=full, stderr=subprocess.PIPE)
        mute = run(shop, ("gate",), stdout=full, stderr=full)
    closed = run(shop, ("gate",), stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    statuses = [done.returncode for done in (usual, on_full, mute, closed)]
    assert statuses == [usual.returncode] * 4
    assert on_full.stderr == b"prodstatus: the output can't be written: No space left on device\n"
    assert closed.stderr == b""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_s_status_depends_on_its_output(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Nobody has to read an answer for it to be the answer."""
    shop.record()
    usual = shop(*command).exit_code
    for room, encoding in ((0, "utf-8"), (10, "ascii"), (1 << 30, "ascii")):
        for name in ("stdout", "stderr"):
            stream = io.TextIOWrapper(io.BufferedWriter(Sink(room)), encoding)
            monkeypatch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            main([*command])
        assert (ended.value.code or 0) == usual, (room, encoding)


def test_no_text_is_a_command_of_github_s_runner(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that begins with `::` after blanks, and `##[` anywhere; JSON keeps the text."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    text = "a\n ::error::x\n\u3000::add-mask::y\rz ##[group]q ::not::\n"
    assert printed(text, "utf-8").decode() == (
        "a\n : :error::x\n\u3000: :add-mask::y z ## [group]q ::not::\n"
    )
    shop.configure("[tool.prodstatus]\n[[tool.prodstatus.stages]]\nid = 'a'\ncriteria = ['b']\n")
    done = shop("gate", "##[error].json", "--format", "json")
    assert "##[" not in done.stdout
    assert json.loads(done.stdout)["records"][0]["record"] == "##[error].json"
    done = shop("gate", "x", "--format", "github")
    assert [line for line in done.stdout.splitlines() if line.startswith("::error ")]
