"""The same statements by PostgreSQL's own client, with the same values written into them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import ClientCursor
from sqlalchemy import create_engine, text

from benchmarks.store.recording import Asked

_TIME = re.compile(r"^Time: ([0-9.]+) ms", re.MULTILINE)


class Psql:
    """psql, connected as the suite is.

    Args:
        program: the client that came with the server.
        url: the database, without the parameters that only Prisma knows.
    """

    def __init__(self, program: Path, url: str) -> None:
        self._program = program
        self._url = url

    def literal(self, asked: Asked) -> str:
        """Return a statement with its bound values in it, as it would be typed."""
        dialect = create_engine("postgresql+psycopg://").dialect
        compiled = text(asked.statement).compile(dialect=dialect)
        with psycopg.connect(self._url) as connection:
            values = {name: asked.parameters[name] for name in compiled.params}
            return ClientCursor(connection).mogrify(str(compiled).encode(), values)

    def seconds(self, statements: Sequence[str]) -> list[float]:
        """Run statements in one session and return how long psql says that each took."""
        script = "\\timing on\n" + "".join(f"{statement};\n" for statement in statements)
        times = [float(found) / 1_000 for found in _TIME.findall(self._output(script))]
        if len(times) != len(statements):
            msg = f"psql timed {len(times)} of {len(statements)} statements"
            raise RuntimeError(msg)
        return times

    def plan(self, statement: str) -> str:
        """Run a statement and return its plan as PostgreSQL explains it.

        The marks that stand for JSON's strings and scalars are control characters: they are shown.
        """
        plan = self._output(f"EXPLAIN (ANALYZE, BUFFERS) {statement};\n")
        return re.sub(r"[\x00-\x09\x0b-\x1f]", lambda found: f"\\x{ord(found[0]):02x}", plan)

    def _output(self, script: str) -> str:
        done = subprocess.run(
            [str(self._program), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self._url],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            msg = f"psql failed: {done.stderr.strip()}"
            raise RuntimeError(msg)
        return done.stdout
