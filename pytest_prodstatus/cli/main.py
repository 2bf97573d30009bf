"""`prodstatus`: each command is a module, which is imported when the command is run."""

from __future__ import annotations

from importlib import import_module

import click

from pytest_prodstatus.version import __version__

COMMANDS: dict[str, str] = {
    "gate": "Print whether a record opens the deploy gate, and exit accordingly.",
    "sign": "Sign the decision about a record, with an end.",
    "key": "Make a key pair for signing.",
    "merge": "Make one record out of the shards of one run.",
    "history": "Print since when each stage has its verdict, and what changed.",
    "journal": "List the real actions, and settle one whose result isn't known.",
    "render": "Write the status document and the page from a record.",
    "export": "Write a record in another tool's form.",
    "init": "Make a first suite, from a status document or from nothing.",
}
"""The help of each command, by its name; the module of that name has it as `command`."""


class Commands(click.Group):
    """The group of commands; it imports only the command that is run."""

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
