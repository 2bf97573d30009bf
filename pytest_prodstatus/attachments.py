"""The files that criteria attach: handed over while the tests run, kept beside the record after.

The content goes through the spool, or in the report if the process that judges doesn't see this
folder. That process writes what counts, and removes the folders of the oldest runs. No verdict
depends on any of it: an attachment that can't be kept is named by a notice.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus.model.attachment import (
    COUNT_LIMIT,
    FOLDER,
    attachment_of,
    cleaned,
    folder_of,
    path_of,
)
from pytest_prodstatus.model.evidence import Attachment, EvidenceError
from pytest_prodstatus.model.record import CriterionStatus, Record
from pytest_prodstatus.model.text import described, is_visible
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.readers.config import Attachments
from pytest_prodstatus.spool import Spool
from pytest_prodstatus.writers import write_atomically, write_failure

MB = 1_000_000

OFF = (
    "evidence.attach keeps nothing, since attachments are off: set attachments = true in "
    "[tool.prodstatus]"
)


class Attaching:
    """Checks and keeps what the criteria of one process attach, until a report carries it.

    Attributes:
        fresh: the attachments that no report carries yet.
        notices: sentences about them that no report has yet.
        unshared: the content, by its digest, of those that must travel in a report.

    Args:
        limits: the project's; None if attachments are off.
        spool: the run's folder.
        clean: takes secrets out of a text.
    """

    def __init__(
        self, limits: Attachments | None, spool: Spool, clean: Callable[[str], str]
    ) -> None:
        self.fresh: list[Attachment] = []
        self.notices: list[str] = []
        self.unshared: dict[str, bytes] = {}
        self._limits = limits
        self._spool = spool
        self._clean = clean
        self._names: list[str] = []
        self._handed: dict[str, int] = {}
        self._noticed: set[str] = set()

    def begin(self) -> None:
        """Forget the attachments of the attempt before, names included."""
        self._names.clear()
        self.forget()

    def forget(self) -> None:
        """Forget what a report carries now, so that no other report carries it too."""
        self.fresh.clear()
        self.notices.clear()
        self.unshared.clear()

    def attach(self, name: object, data: object) -> None:
        """Check an attachment of the criterion that runs, and keep it for the next report.

        Raises:
            EvidenceError: the name or the data is of a kind or size that isn't allowed.
        """
        if self._limits is None:
            self._notice(OFF)
            return
        limit = self._limits.file_mb * MB
        if not is_visible(name):
            msg = f"evidence.attach({described(name)}, …): give it a name, as in 'checkout.png'"
            raise EvidenceError(msg)
        if len(self._names) >= COUNT_LIMIT:
            msg = f"attachment {name!r}: a criterion attaches at most {COUNT_LIMIT} files"
            raise EvidenceError(msg)
        # A file is read here, at the call: the test may change or remove it afterwards.
        try:
            content = _content_of(name, data, limit)
        except EvidenceError:
            raise
        except Exception as error:  # from the data's own code
            msg = f"attachment {name!r} can't be read: the data raised {type(error).__name__}"
            raise EvidenceError(msg) from error
        made, content = attachment_of(
            name, content, self._clean, limit=limit, used_names=self._names
        )
        # By their digests: the same content, attached twice, is kept once.
        handed = {**self._handed, made.sha256: made.size}
        if sum(handed.values()) > self._limits.run_mb * MB:
            self._notice(too_many(self._limits))
            return
        self._handed = handed
        self._names.append(made.name)
        self.fresh.append(made)
        # Otherwise the content travels in the report: on another machine no folder is shared.
        if not (self._spool.reaches and self._spool.write_attachment(made.sha256, content)):
            self.unshared[made.sha256] = content

    def _notice(self, text: str) -> None:
        """Add a sentence about attachments, once in this process."""
        if text not in self._noticed:
            self._noticed.add(text)
            self.notices.append(text)


def too_many(limits: Attachments) -> str:
    """Return the notice of a run that attaches more than `run_mb` megabytes."""
    return (
        f"the run attached more than {limits.run_mb} MB, so not everything is kept: attach less, "
        "or raise run_mb"
    )


def _content_of(name: str, data: object, limit: int) -> bytes | str:
    """Return what was given to `attach` as bytes or text; a path is read."""
    if isinstance(data, (bytes, str)):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, os.PathLike):
        path = Path(os.fsdecode(data))
        try:
            return read_file(path, limit=limit)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            if getattr(error, "errno", None) == errno.EFBIG:
                why = f"it has more than {limit:,} bytes; attach the part that matters"
            msg = f"attachment {name!r}: {str(path)!r} can't be read ({why})"
            raise EvidenceError(msg) from None
    msg = (
        f"attachment {name!r}: give bytes, a text, or a path as a pathlib.Path, not a "
        f"{type(data).__name__}"
    )
    raise EvidenceError(msg)


class Kept(NamedTuple):
    """The statuses with what was kept of their attachments, and sentences about the rest."""

    statuses: list[CriterionStatus]
    notices: list[str]


class _Writing:
    """Writes the attachments of one run, as many as it may keep.

    Attributes:
        notices: sentences about those that aren't kept, each once.
    """

    def __init__(
        self, beside: Path, limits: Attachments, spool: Spool, clean: Callable[[str], str]
    ) -> None:
        self.notices: dict[str, None] = {}
        self._beside = beside
        self._limits = limits
        self._spool = spool
        self._clean = clean
        self._left = limits.run_mb * MB
        self._paths: set[Path] = set()

    def written(self, run_id: str, attachments: Iterable[Attachment]) -> Iterator[Attachment]:
        """Write the attachments of a criterion, and yield those that are kept."""
        names: list[str] = []
        for attachment in attachments:
            content = self._spool.read_attachment(attachment.sha256)
            if content is None:
                self.notices["an attachment got lost: no temporary file can be written"] = None
                continue
            # Once more, by this process: it may know secrets that the worker didn't.
            found, content = cleaned(attachment, content, self._clean, names)
            problem = self._write(self._beside / path_of(run_id, found), content)
            if problem:
                self.notices[problem] = None
            else:
                names.append(found.name)
                yield found

    def _write(self, path: Path, content: bytes) -> str:
        """Write a file; return why it isn't kept, in one sentence, or "" if it is."""
        if path in self._paths:  # the same content under the same name is one file
            return ""
        if len(content) > self._left:
            return too_many(self._limits)
        try:
            write_atomically(path, content)
        except OSError as error:
            return write_failure(path.parent, error)
        self._left -= len(content)
        self._paths.add(path)
        return ""


class Folder:
    """The folder of attachments beside a record.

    Args:
        beside: the record's folder.
        limits: the project's.
    """

    def __init__(self, beside: Path, limits: Attachments) -> None:
        self._beside = beside
        self._limits = limits

    def keep(
        self,
        statuses: Sequence[CriterionStatus],
        spool: Spool,
        clean: Callable[[str], str],
        killed: str,
    ) -> Kept:
        """Write what a run's criteria attached, and make room for it.

        What doesn't fit is chosen by the order of the criteria, so that it is the same in any order
        of their tests.

        Args:
            statuses: of all criteria, also those that are carried over.
            spool: has the content.
            clean: takes secrets out of a text.
            killed: the id of the run that was killed before, which left no record; "".
        """
        # No record names what the killed run left, so nothing else would ever remove it.
        if killed and folder_of(killed) not in _named(s for s in statuses if s.carried_over):
            shutil.rmtree(self._beside / FOLDER / folder_of(killed), ignore_errors=True)
        writing = _Writing(self._beside, self._limits, spool, clean)
        kept = [
            status
            if status.carried_over or status.attachments is UNSET
            else replace(
                status,
                attachments=tuple(writing.written(status.run_id or "", status.attachments))
                or UNSET,
            )
            for status in statuses
        ]
        self.prune(kept)
        return Kept(kept, list(writing.notices))

    def prune(self, statuses: Iterable[CriterionStatus]) -> None:
        """Remove the folders of the oldest runs while all together are too large.

        Those that the statuses name stay, and so does what isn't a folder.
        """
        named = _named(statuses)
        # Sorted by the time of their last change: the oldest come first.
        folders = sorted(_folders_in(self._beside / FOLDER))
        total = sum(size for _, _, size in folders)
        for _, path, size in folders:
            if path.name in named:
                # A write that was cut short left these; the files that the record names stay.
                for file in path.glob(".*.tmp"):
                    with contextlib.suppress(OSError):
                        file.unlink()
            elif total > self._limits.folder_mb * MB:
                shutil.rmtree(path, ignore_errors=True)
                total -= size


def _named(statuses: Iterable[CriterionStatus]) -> set[str]:
    """Return the folders that statuses have attachments in."""
    return {folder_of(s.run_id or "") for s in statuses if s.attachments is not UNSET}


def _folders_in(folder: Path) -> Iterator[tuple[float, Path, int]]:
    """Yield the folders in a folder: when each was last changed, its path and its size."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                size = 0
                with contextlib.suppress(OSError), os.scandir(entry.path) as files:
                    size = sum(file.stat(follow_symlinks=False).st_size for file in files)
                yield entry.stat(follow_symlinks=False).st_mtime, Path(entry.path), size


class Found(NamedTuple):
    """A file that a record names.

    Attributes:
        path: its path beside the record.
        content: its content; None if it can't be had.
        problem: why it can't be had, in one sentence; "" if it can.
    """

    path: str
    content: bytes | None
    problem: str = ""


def look_for(record: Record, folders: Iterable[Path]) -> Iterator[Found]:
    """Yield each attachment of a record from the first folder that has what was attached."""
    looked_in = tuple(folders)
    for status in record.criteria:
        for attachment in status.attachments or ():
            path = path_of(status.run_id or record.run.id, attachment)
            content, why = _read(attachment, [folder / path for folder in looked_in])
            yield Found(path, content, f"{path} of {status.id} {why}" if why else "")


def _read(attachment: Attachment, paths: Iterable[Path]) -> tuple[bytes | None, str]:
    """Return the content of the first file that has it; else None, and why."""
    why = "isn't there"
    for path in paths:
        try:
            content = read_file(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            why = f"can't be read ({error.strerror or error})"
            continue
        # A file that was changed since is not what the criterion attached.
        if hashlib.sha256(content).hexdigest() == attachment.sha256:
            return content, ""
        why = "isn't what was attached, since its digest differs from the record's"
    return None, why
