"""What isn't a plain file is refused at once, by one function for all readers."""

from __future__ import annotations

import errno
import io
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.readers import read_file, read_text


def test_a_file_is_read_through_links_and_in_full(tmp_path: Path) -> None:
    """A link to a file is a file."""
    (tmp_path / "f").write_bytes(b"a\r\nb\x00\xff")
    (tmp_path / "link").symlink_to("f")
    assert read_file(tmp_path / "link") == b"a\r\nb\x00\xff"
    assert read_text(tmp_path / "link", errors="replace") == "a\nb\x00\ufffd"


def made(kind: str, path: Path) -> None:
    """Make something that isn't a file."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "No such file or directory"),
        ("folder", "it is a folder, not a file"),
        ("pipe", "it is a pipe, and no one writes it"),
        ("device", "it is a device, not a file"),
        ("loop", "Too many levels of symbolic links"),
        ("huge", "it has more than 256 MB"),
    ],
)
def test_what_is_no_file_is_refused_within_a_second(
    tmp_path: Path, kind: str, message: str
) -> None:
    """Each in one sentence, which the caller puts behind the file's name."""
    path = tmp_path / "f"
    made(kind, path)
    begin = time.monotonic()
    with pytest.raises(OSError, match=message) as caught:
        read_file(path)
    assert caught.value.strerror == message
    assert time.monotonic() - begin < 1


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a name like a file."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(OSError, match="it is a socket, not a file"):
            read_file(Path("s"))


def test_a_file_with_nothing_to_read_now_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /proc/kmsg, which gives None, and not an error, if it is opened without waiting."""

    class Silent(io.BytesIO):
        def read(self, size: int | None = -1, /) -> Any:
            return None

    (tmp_path / "f").write_bytes(b"")
    monkeypatch.setattr(os, "fdopen", lambda *_: Silent())
    with pytest.raises(OSError, match="it has nothing to read now"):
        read_file(tmp_path / "f")


def test_a_pipe_is_read_to_its_end_if_someone_writes_it(tmp_path: Path) -> None:
    """A secrets manager serves a `.env` so: it waits for a reader, then writes."""
    path = tmp_path / ".env"
    os.mkfifo(path)
    content = b"A=1\n" * 50_000  # more than a pipe holds

    def serve() -> None:
        with path.open("wb") as file:
            file.write(content)

    writer = threading.Thread(target=serve)
    writer.start()
    assert read_file(path) == content
    writer.join()


def test_a_pipe_that_never_ends_is_refused(tmp_path: Path) -> None:
    """Its writer stays silent, or writes more than a file may have."""
    path = tmp_path / "f"
    os.mkfifo(path)
    handle = os.open(path, os.O_RDWR)
    try:
        os.write(handle, b"x" * 100)
        with pytest.raises(OSError, match="no one writes it") as silent:
            read_file(path)
        assert silent.value.errno == errno.ETIMEDOUT
        os.write(handle, b"x" * 100)
        with pytest.raises(OSError, match="it has more than 0 MB"):
            read_file(path, limit=50)
    finally:
        os.close(handle)
