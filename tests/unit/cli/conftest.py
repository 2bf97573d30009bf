"""A small project with a record, and the commands as they are run in it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pytest_prodstatus import clock, store
from pytest_prodstatus.cli import overrides
from pytest_prodstatus.cli.main import main
from pytest_prodstatus.model.attachment import attachment_of
from pytest_prodstatus.model.evidence import Attachment
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.verdict import Rule, Verdict
from pytest_prodstatus.project import Project, config_in
from pytest_prodstatus.publish import publish
from pytest_prodstatus.store import overrides as stored
from tests.unit.given import HOUR, NOW, C, assembled, criterion, observation, run, run_data

CONFIG = """
[tool.prodstatus]
document = "STATUS.md"

[[tool.prodstatus.stages]]
id = "api"
criteria = ["key"]

[[tool.prodstatus.stages]]
id = "shop"
criteria = ["open"]
requires = ["api"]

[[tool.prodstatus.stages]]
id = "final"
rollup = ["api", "shop"]
"""
NAMES = ("api.key", "shop.open")


def text_attachment(name: str, content: bytes) -> Attachment:
    """Return the attachment that has a content."""
    return attachment_of(name, content, str, limit=10**6)[0]


@dataclass
class Kept:
    """Overrides that are kept as long as a test."""

    kept: list[Override] = field(default_factory=list)

    def add(self, override: Override) -> None:
        """Keep one."""
        self.kept.append(override)

    def active(self, target: str, now: datetime) -> tuple[Override, ...]:
        """Return those of a target that hold."""
        return tuple(o for o in self.kept if o.target == target and o.since <= now < o.until)


class Shop:
    """A project in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kept = Kept()
        self.configure(CONFIG)

    @property
    def reports(self) -> Path:
        """The output folder of the production target."""
        return self.root / "reports"

    def configure(self, text: str) -> None:
        """Write the project's configuration."""
        (self.root / "pyproject.toml").write_text(text, encoding="utf-8")

    def waive(self, criterion_id: str, expires: str = "2026-12-01") -> None:
        """Add a waiver."""
        self.configure(
            f"{CONFIG}\n[[tool.prodstatus.waivers]]\ncriterion = '{criterion_id}'\n"
            f"reason = 'the bank is closed'\nowner = 'Ann'\nexpires = {expires}\n"
        )

    def record(
        self,
        worse: dict[str, Any] | None = None,
        *,
        folder: Path | None = None,
        names: tuple[str, ...] = NAMES,
        selected: tuple[str, ...] = NAMES,
        finished: datetime | None = NOW,
        former: Record | None = None,
        attached: dict[str, bytes] | None = None,
        **of: Any,
    ) -> Record:
        """Publish the record of a run that has just finished, and return it.

        Each criterion that is selected has attached the same files, which aren't written.
        """
        project = Project(root=self.root, config=config_in(self.root))
        catalogue = project.config.catalogue
        verdicts: dict[str, Verdict] = {**dict.fromkeys(selected, C), **(worse or {})}
        files = tuple(text_attachment(*one) for one in (attached or {}).items())
        seen = {name: observation(verdict, attachments=files) for name, verdict in verdicts.items()}
        given = {"target": "production", "catalogue": catalogue.digest, "started": NOW - HOUR}
        data = run_data(
            catalogue.with_stages_of(map(criterion, names)), seen,
            collected=tuple(map(criterion, names)), selected=frozenset(seen), former=former,
        )  # fmt: skip
        what = run(**{**given, "finished": finished, **of})
        made = assembled(data, what, Rule.CONFIRMED, int(Verdict.FAILED in verdicts.values()), NOW)
        done = publish(made, project.config, project.layout(folder or self.reports))
        assert done.problems == ()
        return done.record

    def edit(self, before: str, after: str, name: str = "status.json") -> None:
        """Edit one of the outputs by hand."""
        path = self.reports / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")

    def __call__(self, *args: str | Path) -> Result:
        """Run `prodstatus`."""
        return CliRunner().invoke(main, [str(arg) for arg in args])

    def closed(self, *args: str | Path, status: int = 10) -> str:
        """Ask the gate, which must be closed, and return its sentence."""
        done = self("gate", *args)
        assert done.exit_code == status, done.output
        sentence: str = done.stdout.splitlines()[0]
        assert sentence.startswith("gate closed (target ")
        return sentence

    def refused(self, *args: str | Path) -> str:
        """Run a command that must be a usage error, and return what it says."""
        done = self(*args)
        assert done.exit_code == 2, done.output
        assert done.stdout == ""
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("Error: ")
        return last


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A project, the current folder in it, and a clock that stands still at its record's end."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "PYTEST_ADDOPTS", "PRODSTATUS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    root = tmp_path / "shop"
    root.mkdir()
    monkeypatch.chdir(root)
    return Shop(root)


@pytest.fixture
def kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """A state store, which is reached by its address."""

    def opened(root: Path) -> AbstractContextManager[Kept]:
        assert root == shop.root
        return nullcontext(shop.kept)

    def active_overrides(
        url: str, project: str, target: str, now: datetime
    ) -> tuple[Override, ...]:
        assert (url, project) == ("sqlite:////state", shop.root.name)
        return shop.kept.active(target, now)

    monkeypatch.setenv("PRODSTATUS_STATE_URL", "sqlite:////state")
    monkeypatch.setattr(overrides, "opened", opened)
    monkeypatch.setattr(store, "LIBRARIES", ())
    monkeypatch.setattr(stored, "active_overrides", active_overrides)
    return shop.kept
