"""Whether a test that an earlier run observed, and this one doesn't run, is still what it was.

Nothing is imported or run for it: the record has a digest of the test's file and of the files that
pytest imports on the way to it. What can't be seen to be the same is not: a verdict belongs to the
test that was run.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import NamedTuple

import pytest

from pytest_prodstatus.criteria import Manifest
from pytest_prodstatus.model.criterion_status import file_of
from pytest_prodstatus.model.record import CriterionStatus, Record
from pytest_prodstatus.model.rollup import stages_again
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.settings import Settings, ignored_by_plugin, suite_of, test_roots

_DIGITS = 16
"""Of a digest: enough to notice a change, and short, since every criterion has one."""
_ON_THE_WAY = ("conftest.py", "__init__.py")
"""Files that pytest imports from each folder above a test: they may change, skip or ignore it."""

_MARK = re.compile(rb"\bmark\s*\.\s*(?:stage|production)\b")

_NAMED = re.compile(rb"(\w+)\s*=")


class Presence(NamedTuple):
    """What is known of the files of a run's tests; the fields are those of `RunData`."""

    gone: frozenset[str]
    ignored: frozenset[str]
    unseen: Mapping[str, Reason]
    sources: Mapping[str, str]


class TestFiles:
    """The files that tests are in.

    Args:
        roots: the folders that a path in a node id may begin at.
        folders: the suite's, at which one may begin that is outside pytest's root.
        paths: where such files were found, by their paths in node ids; "" for several.
    """

    __test__ = False

    def __init__(
        self,
        roots: Iterable[Path],
        folders: Iterable[Path] = (),
        paths: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._roots = tuple(dict.fromkeys(roots))
        self._folders = tuple(folders)
        self._paths = paths
        self._digests: dict[str, str] = {}
        self._parts: dict[Path, bytes] = {}

    def exists(self, file: str) -> bool:
        """Return whether there is a file of this path."""
        return any((root / file).exists() for root in (*self._roots, *self._folders))

    def digest(self, file: str) -> str:
        """Return the digest of a file and of those on the way to it; "" if one can't be read."""
        if file not in self._digests:
            place = self._place_of(file)
            self._digests[file] = "" if place is None else self._digest(*place)
        return self._digests[file]

    def path_of(self, file: str) -> Path | None:
        """Return where a file of this path is; None if that isn't known."""
        place = self._place_of(file)
        return place and place[0] / place[1]

    def _place_of(self, file: str) -> tuple[Path, PurePath] | None:
        """Return the root of a file and its path below that; None if it isn't known."""
        if file in self._paths:
            path = Path(self._paths[file])
        else:
            root = next((root for root in self._roots if (root / file).is_file()), None)
            if root is not None:
                return root, PurePath(file)
            found = {folder / file for folder in self._folders if (folder / file).is_file()}
            path = found.pop() if len(found) == 1 else Path()
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        return (root, path.relative_to(root)) if root is not None else None

    def _digest(self, root: Path, file: PurePath) -> str:
        """Return the digest of a file below a root; "" if it can't be read."""
        way = [root / folder / name for folder in file.parents for name in _ON_THE_WAY]
        try:
            parts = [self._part(path) for path in (*way, root / file)]
        except OSError:
            return ""
        return hashlib.sha256(b"".join(parts)).hexdigest()[:_DIGITS]

    def _part(self, path: Path) -> bytes:
        """Return the digest of one file, which is read once; that of none if it doesn't exist."""
        if path not in self._parts:
            content = read_file(path) if path.exists() else None
            self._parts[path] = b"-" if content is None else hashlib.sha256(content).digest()
        return self._parts[path]

    def unseen(
        self, former: Iterable[CriterionStatus], manifest: Manifest
    ) -> Iterator[tuple[str, Reason]]:
        """Yield the ids of CONFIRMED criteria whose tests may not be what they were, and why.

        Those that this run selects are left out, and those that are known to be deleted.

        Args:
            former: the criteria of an earlier run.
            manifest: what this run collected.
        """
        collected = {criterion.id: criterion.nodeid for criterion in manifest.criteria.values()}
        for status in former:
            nodeid = collected.get(status.id)
            if status.observed is not Verdict.CONFIRMED or status.nodeid is None:
                continue
            file = (nodeid or status.nodeid).partition("::")[0]
            runs = nodeid is not None and nodeid not in manifest.deselected
            deleted = nodeid is None and (file in manifest.files or not self.exists(file))
            if runs or deleted:
                continue
            remedy = stages_again(status.stage)
            if nodeid is None and found_in(manifest.parts, status.nodeid) is False:
                name = status.nodeid.removeprefix(f"{file}::")
                text = f"{name} is no longer seen in {file}, which was not collected as a whole"
                yield status.id, Reason(text=text, kind=Kind.NOT_RUN, remedy=remedy)
            elif not status.source or status.source != self.digest(file):
                why = (
                    f"{file}, or a conftest.py or __init__.py above it, was edited"
                    if status.source
                    else f"the record has no digest of {file}"
                )
                text = f"its test may have changed since: {why}"
                yield status.id, Reason(text=text, kind=Kind.NOT_RUN, remedy=remedy)


def seen_files(
    settings: Settings,
    config: pytest.Config,
    former: Record | None,
    manifest: Manifest,
    *,
    restricted: bool,
) -> Presence:
    """Return what is known of the files of a run's tests, as they are now.

    Args:
        settings: the run's.
        config: pytest's.
        former: the last record; None if there is none.
        manifest: what the run collected.
        restricted: only a part of the suite was collected.
    """
    return presence_of(
        former.criteria if former else (),
        manifest,
        test_roots(settings, config),
        suite_of(settings, config),
        restricted=restricted,
        is_ignored=partial(ignored_by_plugin, config),
    )


def presence_of(
    former: Iterable[CriterionStatus],
    manifest: Manifest,
    roots: Iterable[Path],
    folders: Iterable[Path] = (),
    *,
    restricted: bool,
    is_ignored: Callable[[Path], bool],
) -> Presence:
    """Return what is known of the files of a run's tests.

    Args:
        former: the criteria of the last record.
        manifest: what the run collected.
        roots: the folders that a node id may begin at.
        folders: the suite's.
        restricted: only a part of the suite was collected.
        is_ignored: returns whether a plugin keeps pytest from collecting a file.
    """
    former = tuple(former)
    files = TestFiles(roots, folders, manifest.paths)
    collected = {*map(file_of, manifest.criteria.values())}
    named = {*map(file_of, former)} - {""}
    missed = {} if restricted else {
        file: path
        for file in named - collected - manifest.files
        if (path := files.path_of(file)) is not None
    }  # fmt: skip
    return Presence(
        gone=frozenset(file for file in named if restricted and not files.exists(file)),
        ignored=frozenset(file for file, path in missed.items() if is_ignored(path)),
        unseen=dict(files.unseen(former, manifest)),
        sources={file: files.digest(file) for file in collected},
    )


def uncollected(
    suite: Iterable[Path],
    root: Path,
    files: Iterable[str],
    names: Sequence[str],
    skip: Sequence[str],
) -> str:
    """Return the first test file that has the mark of a criterion and wasn't collected; or "".

    Args:
        suite: the folders and files that tests are in.
        root: the folder that node ids begin at.
        files: those that were collected as a whole, as node ids name them.
        names: pytest's `python_files`.
        skip: pytest's `norecursedirs`.
    """
    collected = {root / file for file in files}
    for path in (file for place in suite for file in _test_files(place, names, skip)):
        if path in collected:
            continue
        try:
            content = read_file(path)
        except OSError:
            continue
        if _is_marked(content):
            return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return ""


def _is_marked(content: bytes) -> bool:
    """Return whether a file uses the mark of a criterion; one that it only gives a name doesn't."""
    for mark in _MARK.finditer(content):
        line = content[content.rfind(b"\n", 0, mark.start()) + 1 : mark.start()]
        name = _NAMED.match(line)
        if not name or name[1] == b"pytestmark" or re.search(rb"@\s*%b\b" % name[1], content):
            return True
    return False


def _test_files(place: Path, names: Sequence[str], skip: Sequence[str]) -> Iterator[Path]:
    """Yield the test files at a place, in the order of their names."""
    if place.is_file():
        yield place
    for folder, below, files in os.walk(place):
        below[:] = sorted(
            name
            for name in below
            if not any(fnmatch.fnmatch(name, pattern) for pattern in skip)
            and not Path(folder, name, "pyvenv.cfg").is_file()  # as pytest knows an environment
        )
        for name in sorted(files):
            if any(fnmatch.fnmatch(name, pattern) for pattern in names):
                yield Path(folder, name)


def found_in(parts: Mapping[str, frozenset[str]], nodeid: str) -> bool | None:
    """Return whether a test is in what was collected of its file; None if that isn't known.

    Args:
        parts: the node ids in each file and class that was looked through.
        nodeid: the test's.
    """
    file, _, rest = nodeid.partition("::")
    # Before the split: a parameter may hold "::".
    head, bracket, parameters = rest.partition("[")
    *classes, function = head.split("::")
    names = [file, *classes, f"{function}{bracket}{parameters}"]
    chain = ["::".join(names[: n + 1]) for n in range(len(names) - 1)]
    for parent, child in pairwise([*chain, nodeid]):
        if parent not in parts:
            return None
        if child not in parts[parent]:
            return False
    return True
