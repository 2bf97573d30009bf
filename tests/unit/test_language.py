"""Tests hold the few rules of our English that a machine can: names, words, commit subjects.

What reads well beyond these a person has to see (CONTRIBUTING, "Words and messages").
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [
    path
    for folder in ("pytest_prodstatus", "tests", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != Path(__file__)
]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

NAMES = {
    "told": "name the thing: text, message, values, lines, query",
    "asked": "name the thing: query, requested",
    "said": "name the thing: text, output",
    "doubts": "say what is suspected",
    "aside": "say what is kept, and why",
    "standing": "a CriterionStatus is a status",
    "standings": "CriterionStatus values are statuses",
}
"""Identifiers that name nothing, or that have a word of the field, and what to write instead."""

NAMES_ALLOWED: dict[tuple[str, str], str] = {
    (
        "pytest_prodstatus/writers/gate_report.py",
        "asked",
    ): "a key of the gate's JSON",
}
"""By file and name, with the reason."""

WORDS = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bhang(s|ing)? on\b": "depends on",
    r"\bby the word of\b": "according to",
    r"\bwhoever\b": "each, every, someone",
    r"\bwhatever\b": "any, each, all that; even if",
    r"\bsomebody\b": "someone",
    r"\blikewise\b": "also, too; or say it again",
}
"""Words that our readers stumble over, in prose and in messages, and what to write instead."""

WORDS_ALLOWED: dict[tuple[str, str], str] = {}
"""By file and text, with the reason."""

SUBJECT = 72
BEFORE_THE_RULE = "c120c3a6a092399de525edfec858a9c6a452f542"
"""The newest commit with a longer subject; what was written before the rule stays as it is."""


def names_in(text: str) -> Iterator[str]:
    """Yield every name that a module gives to something."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def prose_in(path: Path, text: str) -> str:
    """Return what people read of a file: a page, or the comments and texts of a module."""
    if path.suffix == ".md":
        return text
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    return "\n".join(token.string for token in tokens if token.type in kinds)


def texts_with(paths: Iterable[Path], patterns: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files in which any pattern occurs at all: few, and only these need be parsed."""
    found = re.compile("|".join(patterns), re.IGNORECASE)
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if found.search(text):
            yield path, text


def test_names_say_what_things_are() -> None:
    """No name is on the list of banned ones, unless it is argued for."""
    wrong = [
        f"{file}: {name}: {NAMES[name.strip('_')]}"
        for path, text in texts_with(CODE, NAMES)
        for file in [str(path.relative_to(ROOT))]
        for name in sorted(set(names_in(text)))
        if name.strip("_") in NAMES and (file, name) not in NAMES_ALLOWED
    ]
    assert not wrong


def test_words_are_plain() -> None:
    """No page, docstring, comment or message has a banned word, unless it is argued for."""
    wrong = [
        f"{file}: {found[0]!r}: write {better!r}"
        for path, text in texts_with([*PAGES, *CODE], WORDS)
        for file, prose in [(str(path.relative_to(ROOT)), prose_in(path, text))]
        for pattern, better in WORDS.items()
        for found in re.finditer(pattern, prose, re.IGNORECASE)
        if (file, found[0]) not in WORDS_ALLOWED
    ]
    assert not wrong


def test_what_is_read_is_what_people_read() -> None:
    """Names are those that a module gives, and prose is what it says; neither is the other."""
    module = 'told = said(1)  # mend it\ndef asked(aside): "hang on"\n'
    assert set(names_in(module)) == {"told", "asked", "aside"}
    assert prose_in(Path("a.py"), module) == '# mend it\n"hang on"'
    assert prose_in(Path("a.md"), module) == module


def test_exceptions_are_needed() -> None:
    """An exception that nothing needs any more is removed."""
    for file, name in NAMES_ALLOWED:
        assert name in set(names_in((ROOT / file).read_text(encoding="utf-8"))), (file, name)
    for file, text in WORDS_ALLOWED:
        path = ROOT / file
        assert text in prose_in(path, path.read_text(encoding="utf-8")), (file, text)


def test_commit_subjects_fit_a_line() -> None:
    """A subject has at most 72 characters, as git's tools show; the why is in the body."""
    command = ["git", "log", "--no-merges", "--format=%s", f"{BEFORE_THE_RULE}..HEAD"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if log.returncode != 0:
        pytest.skip("this is not a git checkout with its history")
    assert not [line for line in log.stdout.splitlines() if len(line) > SUBJECT]
