"""Run the same statements, with the same values, through PostgreSQL's own client."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import ClientCursor
from sqlalchemy import create_engine, text

from benchmarks.store.recording import RecordedStatement

_TIME = re.compile(r"Time: ([0-9.]+) ms")


class Psql:
    """One session of psql, connected like the suite; a context manager that ends it.

    Args:
        program: the psql of the server's own release.
        url: the database, without the parameters that only Prisma knows.
    """

    def __init__(self, program: Path, url: str) -> None:
        self._url = url
        self._session = subprocess.Popen(
            # Without ~/.psqlrc, greeting, alignment and headers: its output is parsed.
            [str(program), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._send("\\timing on\n")

    def literal(self, recorded: RecordedStatement) -> str:
        """Return a statement with its bound values as literals."""
        dialect = create_engine("postgresql+psycopg://").dialect
        compiled = text(recorded.statement).compile(dialect=dialect)
        with psycopg.connect(self._url) as connection:
            return ClientCursor(connection).mogrify(str(compiled).encode(), recorded.values())

    def seconds(self, statement: str) -> float:
        """Run a statement and return the seconds that psql reports.

        Raises:
            RuntimeError: it failed; the message contains psql's output.
        """
        return self._run(statement)[1]

    def plan(self, statement: str) -> str:
        """Run EXPLAIN (ANALYZE, BUFFERS) of a statement and return its text.

        Control characters are escaped; statements contain them as marks for JSON values.
        """
        plan = self._run(f"EXPLAIN (ANALYZE, BUFFERS) {statement}")[0]
        return re.sub(r"[\x00-\x09\x0b-\x1f]", lambda found: f"\\x{ord(found[0]):02x}", plan)

    def _run(self, statement: str) -> tuple[str, float]:
        self._send(f"{statement};\n")
        assert self._session.stdout
        lines: list[str] = []
        for line in self._session.stdout:
            # A statement that failed has a time too; then psql ends, and so does the loop.
            found = _TIME.match(line)
            if found and not any(line.startswith("ERROR:") for line in lines):
                return "".join(lines), float(found[1]) / 1_000
            lines.append(line)
        msg = f"psql failed: {''.join(lines).strip()}"
        raise RuntimeError(msg)

    def _send(self, text: str) -> None:
        assert self._session.stdin
        self._session.stdin.write(text)
        self._session.stdin.flush()

    def __enter__(self) -> Psql:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.communicate()  # closes its input, at which psql exits
