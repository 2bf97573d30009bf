"""Writes docs/reference/commands.md: `python -m tests.unit.documentation.reference`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from pytest_prodstatus.cli.main import COMMANDS, main
from tests.unit.documentation.pages import ROOT

PAGE = "docs/reference/commands.md"
_HEAD = """# The command `prodstatus`

It reads records and asks the state store; it never runs a test. Every command has `--help`. Exit
statuses are in [exit-status.md](../exit-status.md), what the gate asks in [gate.md](../gate.md).
`python -m pytest_prodstatus` is the same command, where its script isn't on the path.

This page is made from the commands by `python -m tests.unit.documentation.reference`.
"""


def page() -> str:
    """Return the page as it must be."""
    lines = [_HEAD]
    context = click.Context(main, info_name="prodstatus")
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command
        lines += _command(command, click.Context(command, context, name), "##")
    return "\n".join(lines)


def _command(command: click.Command, context: click.Context, sign: str) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"{sign} `{context.command_path}`\n"
    yield f"```text\n{usage}\n```\n"
    yield f"{inspect.cleandoc(command.help or '')}\n".replace("*", "\\*")
    options = [param for param in command.params if isinstance(param, click.Option)]
    if options:
        yield "| option | takes | meaning |"
        yield "|---|---|---|"
        yield from map(_row, options)
        yield ""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _command(each, click.Context(each, context, name), f"{sign}#")


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
