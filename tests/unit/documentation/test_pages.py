"""The pages hold together: links, anchors, markers, and commands that can be typed."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
import yaml

from pytest_prodstatus.cli.main import main
from pytest_prodstatus.options import expand_short_options
from tests.unit.documentation.pages import (
    COMMANDS,
    PAGES,
    ROOT,
    Block,
    anchors,
    blocks,
    blocks_of,
    inline,
    tokens_of,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOT_RUN = {
    "network": "it installs packages from the network",
    "minutes": "it takes minutes",
    "demo": "it boots the demo store, as test_demo.py does for one of them",
    "neighbour": "it needs another plugin than this one",
    "postgresql": "it needs a PostgreSQL server of the store's",
    "store": "it asks the real store",
    "money": "it spends money",
    "server": "it starts a server, or asks one that the reader started",
}
"""Why a block of commands isn't run; its commands are parsed all the same."""

LANGUAGES = {*COMMANDS, "python", "toml", "json", "yaml", "sql", "ini", "text", "markdown"}

each_page = pytest.mark.parametrize("page", PAGES)


@each_page
def test_every_block_says_what_it_is(page: str) -> None:
    """A block is fenced and has a known language; a comment above it is one that is understood."""
    assert not [token.map for token in tokens_of(page) if token.type == "code_block"]
    assert not [block.place for block in blocks_of(page) if block.language not in LANGUAGES]
    comments = [token for token in tokens_of(page) if token.type == "html_block"]
    assert len(comments) == sum(1 for block in blocks_of(page) if block.directive[0])


def test_what_is_not_run_says_why() -> None:
    """The reasons are few, each is used, and most blocks of commands are run."""
    held = [block for block in blocks() if block.holds_commands]
    reasons = [block.value("not run") for block in held]
    assert set(reasons) - {""} == set(NOT_RUN)
    assert reasons.count("") > len(reasons) / 2


@each_page
def test_every_link_leads_somewhere(page: str) -> None:
    """A relative link names a file that is there, and an anchor one that its page has."""
    links = [token.attrGet("href") or token.attrGet("src") for token in inline(page)]
    for link in filter(None, map(str, links)):
        if re.match(r"\w+:", link) or link == "None":
            continue
        name, _, anchor = unquote(link).partition("#")
        path = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        assert path.is_relative_to(ROOT)
        message = f"{page} links to {link}, which isn't there"
        assert path.exists(), message
        if anchor:
            assert anchor in anchors(str(path.relative_to(ROOT))), f"{page} links to {link}"


def test_every_page_can_be_found() -> None:
    """Each page of docs/ is linked from its index."""
    linked = {str(token.attrGet("href")).partition("#")[0] for token in inline("docs/README.md")}
    wanted = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert wanted - {"README.md"} <= linked


def test_data_in_blocks_can_be_read() -> None:
    """TOML, JSON and YAML parse, and Python compiles."""
    readers: dict[str, Callable[[str], object]] = {
        "toml": tomllib.loads,
        "json": json.loads,
        "yaml": yaml.safe_load,
        "python": lambda text: compile(text, "a block", "exec"),
    }
    for block in blocks():
        if block.language in readers:
            readers[block.language](block.text)


def scripts(block: Block) -> Iterator[str]:
    """Yield the commands of a block, or of a workflow's steps."""
    if block.language in COMMANDS:
        yield from (command for command, _ in block.steps)
    elif block.language == "yaml":
        for job in yaml.safe_load(block.text).get("jobs", {}).values():
            yield from (step["run"] for step in job.get("steps", ()) if "run" in step)


def words_of(line: str) -> list[str]:
    """Return the words of a simple command, without assignments; a variable in it is a word."""
    words = [re.sub(r"\$\w+", "word", word) for word in shlex.split(line, comments=True)]
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    return words


def simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of a script."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|\||(?<!\d)\s*[|;](?![^(]*\))", line):
            if words := words_of(part):
                yield words


def parse(words: list[str], config: pytest.Config, place: str) -> bool:
    """Return whether a command is one of ours; assert then that it can be typed."""
    name = Path(words[0]).name
    if name == "prodstatus":
        parsed_by_click(main, click.Context(main), words[1:], place)
    elif name == "pytest":
        args = [word for word in words[1:] if not word.startswith("#")]
        parser = config._parser
        expand_short_options(parser, args)
        _, unknown = parser.parse_known_and_unknown_args(args)
        assert not unknown, f"{place}: pytest doesn't know {unknown}"
    elif name.startswith("python") and words[1:2] == ["-m"]:
        assert find_spec(words[2]), f"{place}: no module {words[2]}"
    elif words[0].startswith((".ci/", "docs/")):
        assert (ROOT / words[0]).exists(), f"{place}: no {words[0]}"
    else:
        return False
    return True


def parsed_by_click(group: click.Group, parent: click.Context, args: list[str], place: str) -> None:
    """Parse a command's arguments as click would, without running it."""
    if not args or args[0].startswith("--"):
        return
    command = group.get_command(parent, args[0])
    assert command, f"{place}: there is no command {args[0]}"
    if isinstance(command, click.Group):
        parsed_by_click(command, click.Context(command, parent), args[1:], place)
    elif args[1:]:  # the name alone is a mention
        try:
            command.make_context(args[0], args[1:], parent=parent)
        except click.ClickException as error:
            pytest.fail(f"{place}: {error.format_message()}")


def test_every_command_can_be_typed(pytestconfig: pytest.Config) -> None:
    """What is run or not: pytest knows the options, and `prodstatus` its commands and theirs."""
    count = 0
    for block in blocks():
        for script in scripts(block):
            count += sum(
                parse(words, pytestconfig, block.place) for words in simple_commands(script)
            )
    assert count > 30


def test_every_command_in_running_text_can_be_typed(pytestconfig: pytest.Config) -> None:
    """So do commands with arguments in the text and in its tables."""
    count = 0
    for page in PAGES:
        for token in inline(page):
            text = token.content
            if token.type == "code_inline" and re.match(
                r"(\w+=\S+ )*(\S*/)?(prodstatus|pytest|python|\.ci/\w+)( |$)", text
            ):
                for words in simple_commands(text):
                    count += parse(words, pytestconfig, f"{page}: `{text}`")
    assert count > 30
