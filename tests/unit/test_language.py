"""Tests hold the few rules of our English that a machine can: names, words, commit subjects.

What reads well beyond these a person has to see (CONTRIBUTING, "Names and English").
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
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
    r"\bsomebody\b": "someone",
}
"""Words that our readers stumble over, in prose and in messages, and what to write instead."""

WORDS_ALLOWED: dict[tuple[str, str], str] = {}
"""By file and text, with the reason."""

SUBJECT = 72
BEFORE_THE_RULE = "c120c3a6a092399de525edfec858a9c6a452f542"
"""The newest commit with a longer subject; what was written before the rule stays as it is."""


def names_in(path: Path) -> Iterator[str]:
    """Yield every name that a module gives to something."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def prose_in(path: Path) -> str:
    """Return what people read of a file: a page, or the comments and texts of a module."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    return "\n".join(token.string for token in tokens if token.type in kinds)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_things_are(path: Path) -> None:
    """No name is on the list of banned ones, unless it is argued for."""
    file = str(path.relative_to(ROOT))
    found = {name for name in names_in(path) if name.strip("_") in NAMES}
    wrong = sorted(name for name in found if (file, name) not in NAMES_ALLOWED)
    assert not wrong, [f"{name}: {NAMES[name.strip('_')]}" for name in wrong]


@pytest.mark.parametrize("path", [*PAGES, *CODE], ids=lambda path: str(path.relative_to(ROOT)))
def test_words_are_plain(path: Path) -> None:
    """No page, docstring, comment or message has a banned word, unless it is argued for."""
    file, prose = str(path.relative_to(ROOT)), prose_in(path)
    wrong = [
        f"{found[0]!r}: write {better!r}"
        for pattern, better in WORDS.items()
        for found in re.finditer(pattern, prose, re.IGNORECASE)
        if (file, found[0]) not in WORDS_ALLOWED
    ]
    assert not wrong


def test_exceptions_are_needed() -> None:
    """An exception that nothing needs any more is removed."""
    for file, name in NAMES_ALLOWED:
        assert name in set(names_in(ROOT / file)), (file, name)
    for file, text in WORDS_ALLOWED:
        assert text in prose_in(ROOT / file), (file, text)


def test_commit_subjects_fit_a_line() -> None:
    """A subject has at most 72 characters, as git's tools show; the why is in the body."""
    command = ["git", "log", "--no-merges", "--format=%s", f"{BEFORE_THE_RULE}..HEAD"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if log.returncode != 0:
        pytest.skip("this is not a git checkout with its history")
    assert not [line for line in log.stdout.splitlines() if len(line) > SUBJECT]
