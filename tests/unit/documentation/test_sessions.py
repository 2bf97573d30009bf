"""What the pages tell a reader to do is done, in their order, and ends as they say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.unit.documentation.pages import Block, blocks_of
from tests.unit.documentation.session import check, follow

EXAMPLE_URL = "https://shop.example.com/health"


class Health(BaseHTTPRequestHandler):
    """A service whose health page answers."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its base names it so
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    """The address of a service on this machine, in place of the reader's own."""
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/health"
        server.shutdown()
        thread.join()


def at(block: Block, address: str) -> Block:
    """Return a block with the address of this machine's service in place of the example's."""
    from dataclasses import replace

    return replace(block, text=block.text.replace(EXAMPLE_URL, address))


def test_the_five_steps_of_the_readme(tmp_path: Path, service: str) -> None:
    """In an empty folder they lead from nothing to a deployment behind the gate."""
    steps = follow([at(block, service) for block in blocks_of("README.md")], tmp_path)
    assert len(steps) == 4
    for step in steps:
        check(step)


def test_the_tutorial(tmp_path: Path) -> None:
    """In an empty folder every command ends, and says, what the page shows."""
    steps = follow(blocks_of("docs/tutorial.md"), tmp_path)
    assert len(steps) > 10
    for step in steps:
        check(step)
