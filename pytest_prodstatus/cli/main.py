"""`prodstatus`: each command is a module, which is imported when the command is run.

What a command prints goes through `Output`, so that its exit status never depends on the terminal.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, TextIO

import click

from pytest_prodstatus import __version__
from pytest_prodstatus.model.text import obeys_commands, visible, without_workflow_commands

COMMANDS: dict[str, str] = {
    "gate": "Print whether a record opens the deploy gate, and exit accordingly.",
    "sign": "Sign the decision about a record, with an end.",
    "key": "Make a key pair for signing.",
    "merge": "Make one record out of the shards of one run.",
    "prove": "Run the criteria against sick systems, and list those that never fail.",
    "history": "Print since when each stage has its verdict, and what changed.",
    "diff": "Print what differs between two runs.",
    "journal": "List the real actions, and settle one whose result isn't known.",
    "render": "Write the status document and the page from a record.",
    "pack": "Write one archive of a run, for an auditor.",
    "export": "Write a record in another tool's form.",
    "notify": "Send what is new about a target to people.",
    "serve": "Answer over HTTP whether the gate is open, judged again at each request.",
    "init": "Make a first suite, from a status document or from nothing.",
}
"""The help of each command, by its name; the module of that name has it as `command`."""


class _Pipe(io.RawIOBase):
    """The bytes of an output, of which an error is remembered instead of raised.

    Attributes:
        error: the first error; None if there was none. Nothing is written after it.

    Args:
        stream: standard output or standard error, which stays open.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.error: OSError | None = None
        # Not through its buffer, which would keep what can't be written, and fail once more at the
        # end of the process.
        self._stream: Any = getattr(stream, "raw", stream)

    def writable(self) -> bool:
        """Return True; a `TextIOWrapper` refuses to write to an output that isn't writable."""
        return True

    def isatty(self) -> bool:
        """Return whether the output is a terminal."""
        return bool(self._stream.isatty())

    def fileno(self) -> int:
        """Return the output's descriptor."""
        return int(self._stream.fileno())

    def write(self, data: Any) -> int:
        """Write all bytes, unless there was an error."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.error is None:
                written = self._stream.write(left)
                # A raw stream may write only a part, or nothing.
                if written is None:  # another program made the pipe non-blocking, and it is full
                    select.select((), (self._stream,), ())
                left = left[written or 0 :]
        except OSError as error:
            self.error = error
        return size

    def flush(self) -> None:
        """Flush the output, unless there was an error."""
        try:
            if self.error is None:
                self._stream.flush()
        except OSError as error:
            self.error = error


class Output(io.TextIOWrapper):
    """A text output that never raises, in any encoding, and whether anyone reads it or not.

    A character that the terminal's encoding lacks, or that could do something to the terminal,
    becomes a visible escape. Under GitHub Actions and Azure Pipelines no text is a command. Bytes
    for `buffer` are written as they are.

    Args:
        stream: standard output or standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self.pipe = _Pipe(stream.buffer)
        self._codec = codecs.lookup(stream.encoding or "ascii").name
        # click replaces a stream that says ASCII by one in UTF-8; what is written is ASCII then.
        shown = "utf-8" if self._codec == "ascii" else self._codec
        super().__init__(self.pipe, shown, errors="backslashreplace", write_through=True)  # type: ignore[arg-type]

    def write(self, text: str) -> int:
        """Write a text without what a terminal or a CI system's runner would act on."""
        if obeys_commands(os.environ):
            text = without_workflow_commands(text)
        # Encoded here, since for ASCII the wrapper itself is in UTF-8 and escapes nothing.
        encoded = visible(text).encode(self._codec, "backslashreplace")
        return super().write(encoded.decode(self._codec))


@contextlib.contextmanager
def never_failing() -> Iterator[None]:
    """Let standard output and standard error take everything, as long as the block runs."""
    before = sys.stdout, sys.stderr
    outputs = [_output(stream) for stream in before]
    sys.stdout, sys.stderr = outputs
    try:
        yield
    finally:
        error = getattr(getattr(outputs[0], "pipe", None), "error", None)
        if error and not isinstance(error, BrokenPipeError):  # a reader may have had enough
            click.echo(f"prodstatus: the output can't be written: {error.strerror}", err=True)
        sys.stdout, sys.stderr = before


def _output(stream: TextIO) -> TextIO:
    """Return a stream that never raises, in place of standard output or error."""
    # The shell's `>&-` leaves None, and a test may have put a stream without bytes there.
    if stream is None or not hasattr(stream, "buffer"):
        return stream
    with contextlib.suppress(OSError):
        stream.flush()
    return Output(stream)


class Commands(click.Group):
    """The group of commands; it imports only the command that is run."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command; its exit status doesn't depend on whether its answer can be printed."""
        with never_failing():
            return super().main(*args, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands' names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pytest_prodstatus.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the help's list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands)
@click.version_option(__version__, prog_name="prodstatus")
def main() -> None:
    """Read the records of production runs: ask the gate, merge shards, print the history.

    Exit status: 0 the gate is open or the command is done, 1 something FAILED, 2 a usage error,
    10 the gate is closed for another reason.
    """


if __name__ == "__main__":
    # Without this, `python -m` on this module would do nothing and exit with 0, like an open gate.
    main()
