"""Whether a test that an earlier run observed, and this one didn't collect, is still there.

Nothing is imported or run for it. What can't be seen is not there: a verdict on a test that may be
gone is worth nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from pytest_prodstatus.criteria import Manifest
from pytest_prodstatus.model.criterion_status import RunData, file_of
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.readers.files import read_file

_DIGITS = 16
"""Of a digest: enough to notice a change, and short, since every criterion has one."""


class TestFiles:
    """The files that tests are in.

    Args:
        roots: the folders that a path in a node id may begin at.
    """

    __test__ = False

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = tuple(dict.fromkeys(roots))
        self._contents: dict[str, bytes | None] = {}

    def exists(self, file: str) -> bool:
        """Return whether there is a file of this path."""
        return any((root / file).exists() for root in self._roots)

    def digest(self, file: str) -> str:
        """Return the digest of a file; "" if it can't be read."""
        content = self._content(file)
        return hashlib.sha256(content).hexdigest()[:_DIGITS] if content is not None else ""

    def unseen(
        self, former: Iterable[CriterionStatus], manifest: Manifest
    ) -> Iterator[tuple[str, Reason]]:
        """Yield the node ids of CONFIRMED tests that are not seen to exist any more, and why.

        A test is there if its file was collected in part and it was found; if its file is what it
        was when the test was last collected; or if its function is still in the file. Parameters
        are only known when the file is collected.

        Args:
            former: the criteria of an earlier run.
            manifest: what this run collected.
        """
        for status in former:
            file, nodeid = file_of(status), status.nodeid
            if nodeid is None or nodeid in manifest.criteria or file in manifest.files:
                continue
            if status.observed is not Verdict.CONFIRMED or not self.exists(file):
                continue
            found = found_in(manifest.parts, nodeid)
            if found is None:
                same = status.source and status.source == self.digest(file)
                found = same or defines(self._content(file) or b"", nodeid)
            if not found:
                name = nodeid.removeprefix(f"{file}::")
                text = f"{name} is no longer seen in {file}, which was not collected as a whole"
                yield nodeid, Reason(text=text, kind=Kind.NOT_RUN, remedy=f"run pytest {file}")

    def _content(self, file: str) -> bytes | None:
        """Return the bytes of a file, read once; None if it isn't there or can't be read."""
        if file not in self._contents:
            path = next((path for root in self._roots if (path := root / file).is_file()), None)
            try:
                self._contents[file] = read_file(path) if path else None
            except OSError:
                self._contents[file] = None
        return self._contents[file]


def with_presence(data: RunData, manifest: Manifest, roots: Iterable[Path]) -> RunData:
    """Return what is known of a run, with what is known of its tests' files.

    Args:
        data: the rest, with the record that a partial run carries over from.
        manifest: what the run collected.
        roots: the folders that a node id may begin at.
    """
    former = tuple(data.former.criteria) if data.former and data.restricted else ()
    files = TestFiles(roots)
    return data._replace(
        gone=frozenset(file for file in map(file_of, former) if file and not files.exists(file)),
        unseen=dict(files.unseen(former, manifest)),
        sources={file: files.digest(file) for file in {*map(file_of, manifest.criteria.values())}},
    )


def found_in(parts: Mapping[str, frozenset[str]], nodeid: str) -> bool | None:
    """Return whether a test is in what was collected of its file; None if that isn't known.

    Args:
        parts: the node ids in each file and class that was looked through.
        nodeid: the test's.
    """
    names, _ = _names_of(nodeid)
    chain = ["::".join(names[: n + 1]) for n in range(len(names) - 1)]
    for parent, child in pairwise([*chain, nodeid]):
        if parent not in parts:
            return None
        if child not in parts[parent]:
            return False
    return True


def defines(source: bytes, nodeid: str) -> bool:
    """Return whether a test is certainly in a file, by its text alone.

    A test with parameters, one that a base class or a helper gives, and one that is defined under
    a condition are not.

    Args:
        source: the file's content.
        nodeid: the test's.
    """
    names, function = _names_of(nodeid)
    if names[-1] != function:
        return False
    try:
        body: Sequence[ast.stmt] = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for name in names[1:]:
        found = [node for node in body if isinstance(node, _NAMED) and node.name == name]
        if not found:
            return False
        # The last definition of a name is the one that Python keeps.
        body = found[-1].body
    return True


_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _names_of(nodeid: str) -> tuple[list[str], str]:
    """Return file, classes and test of a node id; and the test's name without parameters."""
    file, _, rest = nodeid.partition("::")
    # Before the split: a parameter may hold "::".
    head, bracket, parameters = rest.partition("[")
    *classes, function = head.split("::")
    return [file, *classes, f"{function}{bracket}{parameters}"], function
