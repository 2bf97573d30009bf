"""Writes docs/reference/commands.md: `python -m tests.unit.documentation.reference`."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Collection, Iterator

import click

from pytest_prodstatus.cli.main import COMMANDS, main
from tests.unit.documentation.pages import ROOT

PAGE = "docs/reference/commands.md"
_HEAD = """# The command `prodstatus`

It reads records and the state store; only `prodstatus prove` runs tests. `python -m
pytest_prodstatus` is the same command. Exit statuses are in [exit-status.md](../exit-status.md),
the rules of the gate in [gate.md](../gate.md). This page says what `--help` says, and is made by
`python -m tests.unit.documentation.reference`.
"""
_SHARED = """## Options of several commands

| option | takes | meaning |
|---|---|---|
{rows}

Each command below names the ones that it takes.
"""


def page() -> str:
    """Return the page as it must be."""
    context = click.Context(main, info_name="prodstatus")
    commands = {name: _found(context, name) for name in COMMANDS}
    counts = Counter(row for command in commands.values() for row in _rows(command))
    shared = [row for row, count in counts.items() if count > 2]
    lines = [_HEAD, _SHARED.format(rows="\n".join(shared))]
    for name, command in commands.items():
        lines += _command(command, click.Context(command, context, name), "##", shared)
    return "\n".join(lines)


def _found(context: click.Context, name: str) -> click.Command:
    """Return the command of a name."""
    command = main.get_command(context, name)
    assert command
    return command


def _rows(command: click.Command) -> Iterator[str]:
    """Yield a row for each option of a command and of the commands below it."""
    yield from (_row(param) for param in command.params if isinstance(param, click.Option))
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _rows(each)


def _command(
    command: click.Command, context: click.Context, sign: str, shared: Collection[str]
) -> Iterator[str]:
    """Yield a command's part of the page, without the rows that stand above all."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"{sign} `{context.command_path}`\n"
    yield f"```text\n{usage}\n```\n"
    yield f"{inspect.cleandoc(command.help or '')}\n".replace("*", "\\*")
    options = [param for param in command.params if isinstance(param, click.Option)]
    rows = [row for row in map(_row, options) if row not in shared]
    if rows:
        yield "| option | takes | meaning |"
        yield "|---|---|---|"
        yield from rows
        yield ""
    names = [f"`{param.opts[0]}`" for param in options if _row(param) in shared]
    if names:
        yield f"{'Also' if rows else 'Options:'} {', '.join(names)}.\n"
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _command(each, click.Context(each, context, name), f"{sign}#", shared)


def _row(option: click.Option) -> str:
    kind = option.type
    values = list(map(str, kind.choices)) if isinstance(kind, click.Choice) else [option.metavar]
    taken = "" if option.is_flag else ", ".join(f"`{value}`" for value in values)
    forms = ", ".join(f"`{form}`" for form in option.opts)
    default = f"; default `{option.default}`" if option.show_default else ""
    required = "; required" if option.required else ""
    text = " ".join((option.help or "").split()).rstrip(".")
    text = re.sub(r"\. \[default: (.*)\]$", r"; default: \1", text)
    return f"| {forms} | {taken} | {text}{default}{required} |"


if __name__ == "__main__":
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
