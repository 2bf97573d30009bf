"""`prodstatus`: one module a command, each imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from pytest_prodstatus.version import __version__

COMMANDS: dict[str, str] = {
    "gate": "Say whether a record opens the deploy gate, and exit by it.",
    "merge": "Make one record out of the shards of one run.",
    "history": "Tell since when each stage is what it is, and what changed.",
    "journal": "List the real actions, and settle one that was left open.",
    "render": "Write the status document and the page from a record.",
    "export": "Write a record in another tool's form.",
    "init": "Make a first suite, from a status document or from nothing.",
}
"""What each command does, by its name; the module of the same name holds it as `command`."""


class Commands(click.Group):
    """The group, which imports no command that isn't run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands' names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command; None where there is none of this name."""
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
    """Read the records of production runs: ask the gate, merge shards, look back.

    Exit status: 0 the gate is open or the command is done, 1 something FAILED, 2 a usage error,
    10 the gate is closed for another reason.
    """


if __name__ == "__main__":
    # Run as a module it would otherwise end with 0, as an open gate does, and ask nothing.
    main()
