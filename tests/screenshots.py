"""Make the pictures of the page for the documentation, from real runs against the demo store.

    python -m tests.screenshots

Each record is that of a run that this makes; only the former runs in it are made up, since a
week of runs is too long to wait for. They go to docs/images/; look at them before you commit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from pytest_prodstatus.model.codec import read_record
from pytest_prodstatus.model.record import HISTORY_LIMIT, CriterionStatus, Past, Record
from pytest_prodstatus.model.verdict import Rule, Verdict
from pytest_prodstatus.model.waiver import Waiver, Waivers
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.page import write_page
from tests.chromium import PHONE, WIDE, launched, opened
from tests.unit.given import assembled, criterion, declared, observation, run_data
from tests.unit.writers.shown import many

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"

C, B, F = Verdict.CONFIRMED, Verdict.BLOCKED, Verdict.FAILED
BETWEEN = timedelta(hours=6)
"""Between two of the former runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture.

    Attributes:
        name: its file's, without the ending.
        page: which of the pages it shows.
        at: the part of the page that it begins with, as a CSS selector; "" for the top.
    """

    name: str
    page: str
    size: tuple[int, int] = WIDE
    scheme: str = "light"
    at: str = ""


SHOTS = (
    Shot(name="healthy", page="healthy"),
    Shot(name="failed", page="failed"),
    Shot(name="failed-dark", page="failed", scheme="dark"),
    Shot(name="failed-phone", page="failed", size=PHONE),
    Shot(name="failed-stage", page="failed", at="#stage-payout .criterion.F"),
    Shot(name="timeline", page="healthy", at="#stage-autonomous"),
    Shot(name="blocked", page="blocked"),
    Shot(name="waived", page="waived"),
    Shot(name="stale", page="stale", at="#stages"),
    Shot(name="ten-thousand", page="ten-thousand"),
)


# Opens what is folded in the part, but for tracebacks, and puts it at the window's top.
_SHOW = """part => {
  for (const one of part.querySelectorAll(".criterion")) one.open = true;
  scrollTo(0, part.getBoundingClientRect().top + scrollY - 64);
}"""


def main() -> None:
    """Run the demo, write the pages and take the pictures."""
    config = declared((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = _pages(folder, config)
        IMAGES.mkdir(parents=True, exist_ok=True)
        with launched() as browser:
            for shot in SHOTS:
                file = pages[shot.page]
                with opened(browser, file, shot.size, color_scheme=shot.scheme) as shown:
                    if shot.at:
                        part = shown.page.locator(shot.at)
                        part.evaluate(_SHOW)
                    picture = IMAGES / f"{shot.name}.png"
                    shown.page.screenshot(path=picture)
                sys.stdout.write(f"{picture.relative_to(ROOT)}: {picture.stat().st_size:,} bytes\n")


def _pages(folder: Path, config: Config) -> Mapping[str, Path]:
    """Return the pages by their names."""
    records = {
        "healthy": _ran(folder / "healthy", armed=True),
        "failed": _ran(folder / "failed", "--demo-scenario=payout-wrong-amount", armed=True),
        "blocked": _ran(folder / "blocked", "--demo-scenario=supplier-down"),
        "stale": _stale(folder / "stale", config),
    }
    shown = {name: (_with_past(record), config) for name, record in records.items()}
    unclaimed = _ran(folder / "waived", "--demo-scenario=payout-unclaimed", armed=True)
    waiver = Waiver(
        criterion="payout.payouts-settled-at-provider",
        reason="PayPal's case 2711 is open, the money is safe",
        owner="Ana",
        expires=unclaimed.run.started + timedelta(days=3),
    )
    shown["waived"] = (
        _with_past(unclaimed),
        replace(config, waivers=Waivers(given=(waiver,))),
    )
    shown["ten-thousand"] = many(10_000, 20)
    pages = {}
    for name, (made, page_config) in shown.items():
        pages[name] = folder / f"{name}.html"
        pages[name].write_text(write_page(made, page_config), encoding="utf-8")
    return pages


def _ran(folder: Path, *args: str, armed: bool = False) -> Record:
    """Return the record of a run against the demo store."""
    environment = {**os.environ, "REAL_PLACEORDER": "1" if armed else "0"}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "production", "--target", "demo"]
    subprocess.run(
        [*command, f"--prodstatus-dir={folder}", "--prodstatus-subject=v2026.11.22-2", *args],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return _read(folder)


def _read(folder: Path) -> Record:
    file = folder / "status.json"
    return read_record(file.read_text(encoding="utf-8"), str(file))


def _stale(folder: Path, config: Config) -> Record:
    """Return the record of a run that looked at one stage, a day and a half after all others.

    It is assembled here: a demo carries nothing over, since every run of it judges a new store.
    """
    full = _ran(folder, armed=True)
    end = full.run.finished or full.run.started
    before = end - timedelta(hours=36)
    stages = tuple(
        replace(stage, criteria=tuple(_dated(s, before) for s in stage.criteria))
        for stage in full.stages
    )
    former = replace(full, run=replace(full.run, started=before, finished=before), stages=stages)
    seen = {
        status.id: observation(
            evidence=status.evidence, observed_at=end, assertions=status.assertions
        )
        for status in full.criteria
        if status.id.partition(".")[0] in ("oauth", "order")
    }
    known = run_data(
        config.catalogue,
        seen,
        collected=tuple(criterion(s.id, title=s.title, nodeid=s.nodeid) for s in full.criteria),
        selected=frozenset(seen),
        former=former,
    )
    of = replace(full.run, id="stale", selection="--stage oauth,order", complete=False)
    return assembled(known, of, Rule.CONFIRMED, at=end)


def _dated(status: CriterionStatus, at: datetime) -> CriterionStatus:
    return replace(status, observed_at=at if status.observed_at else None)


def _with_past(record: Record) -> Record:
    """Return the record with as many former runs as it can have, some of which went wrong."""
    titles = [stage.id for stage in record.stages]
    rows = []
    for number in range(HISTORY_LIMIT):
        verdicts = dict.fromkeys(titles, C)
        if number in (4, 5, 6):
            verdicts.update({"oauth": F, "placeorder": B, "autonomous": B, "final": F})
        if number == 17:
            verdicts.update({"payout": B, "autonomous": B, "generating-profit": B, "final": B})
        rows.append(
            Past(
                run=f"run-{number}",
                started=record.run.started - (HISTORY_LIMIT - number) * BETWEEN,
                commit=record.run.commit,
                release=f"v2026.11.{15 + number // 4}-{number % 4}",
                final=verdicts["final"],
                stages=verdicts,
            )
        )
    first = record.run.started - HISTORY_LIMIT * BETWEEN
    stages = tuple(
        replace(stage, since=first if stage.verdict is C else stage.since, previous=None)
        for stage in record.stages
    )
    return replace(record, history=tuple(rows), stages=stages)


if __name__ == "__main__":
    main()
