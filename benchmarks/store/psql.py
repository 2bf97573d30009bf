"""The same statements by PostgreSQL's own client, with the same values written into them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import ClientCursor
from sqlalchemy import create_engine, text

from benchmarks.store.recording import Asked

_TIME = re.compile(r"Time: ([0-9.]+) ms")


class Psql:
    """psql, connected as the suite is, in one session until it is left.

    Args:
        program: the client that came with the server.
        url: the database, without the parameters that only Prisma knows.
    """

    def __init__(self, program: Path, url: str) -> None:
        self._url = url
        self._session = subprocess.Popen(
            [str(program), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._say("\\timing on\n")

    def literal(self, asked: Asked) -> str:
        """Return a statement with its bound values in it, as it would be typed."""
        dialect = create_engine("postgresql+psycopg://").dialect
        compiled = text(asked.statement).compile(dialect=dialect)
        with psycopg.connect(self._url) as connection:
            values = {name: asked.parameters[name] for name in compiled.params}
            return ClientCursor(connection).mogrify(str(compiled).encode(), values)

    def seconds(self, statement: str) -> float:
        """Run a statement and return how long psql says that it took.

        Raises:
            RuntimeError: it failed; psql's words are in the message.
        """
        return self._run(statement)[1]

    def plan(self, statement: str) -> str:
        """Run a statement and return its plan as PostgreSQL explains it.

        The marks that stand for JSON's strings and scalars are control characters: they are shown.
        """
        plan = self._run(f"EXPLAIN (ANALYZE, BUFFERS) {statement}")[0]
        return re.sub(r"[\x00-\x09\x0b-\x1f]", lambda found: f"\\x{ord(found[0]):02x}", plan)

    def _run(self, statement: str) -> tuple[str, float]:
        self._say(f"{statement};\n")
        assert self._session.stdout
        lines: list[str] = []
        for line in self._session.stdout:
            found = _TIME.match(line)
            if found and not any(each.startswith("ERROR:") for each in lines):
                return "".join(lines), float(found[1]) / 1_000
            lines.append(line)
        msg = f"psql failed: {''.join(lines).strip()}"
        raise RuntimeError(msg)

    def _say(self, words: str) -> None:
        assert self._session.stdin
        self._session.stdin.write(words)
        self._session.stdin.flush()

    def __enter__(self) -> Psql:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.communicate()  # its input ends, and so does it
