"""`prodstatus merge`: from shards' files to the outputs of the run, and its exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.model.attachment import path_of
from pytest_prodstatus.model.codec import read_record
from tests.unit.cli.conftest import CONFIG, Shop, text_attachment
from tests.unit.given import C, F


def shards(shop: Shop, shop_open: object = C) -> tuple[Path, Path]:
    """Write the records of two shards and return their paths."""
    shop.record({}, selected=("api.key",), folder=shop.root / "a", selection="--stage api")
    shop.record(
        {"shop.open": shop_open}, selected=(), folder=shop.root / "b", selection="--stage shop"
    )
    return Path("a/status.json"), Path("b/status.json")


def test_into_the_usual_folder(shop: Shop) -> None:
    """Record, document and page are written, and the gate can read the record."""
    done = shop("merge", *shards(shop))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        *(f"wrote reports/{name}" for name in ("STATUS.md", "status.html", "status.json")),
        "FINAL CONFIRMED (target production, gate open)",
    ]
    assert shop("gate", "--check-document").exit_code == 0
    made = read_record((shop.reports / "status.json").read_text(encoding="utf-8"), "x")
    assert made.run.complete
    assert made.run.selection is None


def test_into_a_file(shop: Shop) -> None:
    """With --output the record alone is written."""
    done = shop("merge", *shards(shop), "--output", "one.json")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "wrote one.json")
    assert not shop.reports.exists()
    assert shop("gate", "one.json").exit_code == 0


@pytest.mark.parametrize(("verdict", "status"), [(C, 0), (F, 1)])
def test_the_exit_status_is_the_run_s(shop: Shop, verdict: object, status: int) -> None:
    """A merge ends as the run without shards would: with 1 if something FAILED."""
    assert shop("merge", *shards(shop, verdict)).exit_code == status


def test_what_no_shard_ran(shop: Shop) -> None:
    """A criterion that no shard ran is listed, and blocks the record."""
    first, _ = shards(shop)
    done = shop("merge", first)
    assert done.stdout.splitlines()[0] == (
        "no shard ran shop.open: BLOCKED: it was not selected, and no earlier run observed it"
    )
    assert "FINAL BLOCKED (target production, gate closed)" in done.stdout
    assert done.exit_code == 10
    assert shop("gate").exit_code == 10
    made = read_record((shop.reports / "status.json").read_text(encoding="utf-8"), "x")
    assert made.decision.exit_code == 10
    assert shop("render").exit_code == 10


def test_a_lost_shard_that_another_remembers(shop: Shop) -> None:
    """What a lost shard would have run isn't CONFIRMED by what other shards carried over."""
    former = shop.record(id="run-0", folder=shop.root / "a")
    shop.record({}, selected=("api.key",), folder=shop.root / "a", former=former, shard=True)
    assert "rule shard" in shop.closed("a/status.json")
    done = shop("merge", "a/status.json")
    assert (done.exit_code, done.stdout.splitlines()[0][:41]) == (
        10,
        "no shard ran shop.open: BLOCKED: no shard",
    )
    assert "rule verdict" in shop.closed()


def test_every_file_is_named(shop: Shop) -> None:
    """Each written file is named, exports too."""
    shop.configure(CONFIG.replace("document =", "exports = ['ctrf', 'junit']\ndocument ="))
    lines = shop("merge", *shards(shop)).stdout.splitlines()[:-1]
    assert set(lines) == {f"wrote reports/{path.name}" for path in shop.reports.iterdir()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "run-2"}, "b/status.json: its run id is 'run-2', and that of a/status.json is"),
        ({"target": "eu"}, "b/status.json: its target is 'eu', and that of a/status.json is"),
        ({"finished": None}, "b/status.json: its run is in progress or was killed"),
    ],
)
def test_strangers_are_refused(shop: Shop, changes: dict[str, Any], message: str) -> None:
    """Records of two runs are refused, with file and field, and nothing is written."""
    first, second = shards(shop)
    shop.record({}, selected=("shop.open",), folder=shop.root / "b", **changes)
    assert message in shop.refused("merge", first, second)
    assert not shop.reports.exists()


def test_what_can_not_be_read(shop: Shop) -> None:
    """A shard that can't be read, or none at all, is a usage error."""
    first, _ = shards(shop)
    assert "there is no record at c.json" in shop.refused("merge", first, "c.json")
    Path("c.json").write_text(json.dumps({"schema": 1}), encoding="utf-8")
    assert "c.json: not a valid record" in shop.refused("merge", first, "c.json")
    assert "Missing argument" in shop.refused("merge")
    shop.configure("[tool.prodstatus]\n[[tool.prodstatus.stages]]\nid = 'api'\n")
    assert "made with another catalogue than the declared one" in shop.refused("merge", first)


def test_what_can_not_be_written(shop: Shop) -> None:
    """It is reported, and no record stays that could be read as this one."""
    parts = shards(shop)
    (shop.root / "dir").mkdir()
    assert "dir can't be written" in shop.refused("merge", *parts, "--output", "dir")
    # A container's /dev/null stays a device.
    os.mkfifo(shop.root / "pipe")
    assert "not a regular file" in shop.refused("merge", *parts, "--output", "pipe")
    assert (shop.root / "pipe").is_fifo()


@pytest.mark.parametrize("output", [(), ("--output", "out/one.json")], ids=["folder", "file"])
def test_what_was_attached_is_copied(shop: Shop, output: tuple[str, ...]) -> None:
    """Attachments are copied beside the merged record, and a missing one is named."""
    shop.record({}, selected=("api.key",), folder=shop.root / "a", selection="--stage api",
                attached={"x.txt": b"one", "lost.txt": b"lost"})  # fmt: skip
    shop.record({}, selected=("shop.open",), folder=shop.root / "b", selection="--stage shop",
                attached={"x.txt": b"two"})  # fmt: skip
    one, two, lost = (
        path_of("run-1", text_attachment(name, content))
        for name, content in (("x.txt", b"one"), ("x.txt", b"two"), ("lost.txt", b"lost"))
    )
    for path, content in (("a/" + one, b"one"), ("b/" + two, b"two")):
        (shop.root / path).parent.mkdir(parents=True)
        (shop.root / path).write_bytes(content)
    done = shop("merge", "a/status.json", "b/status.json", *output)
    assert done.exit_code == 0, done.output
    assert done.stderr == f"prodstatus: {lost} of api.key isn't there: it isn't copied\n"
    folder = shop.root / "out" if output else shop.reports
    assert [(folder / path).read_bytes() for path in (one, two)] == [b"one", b"two"]
    assert not (folder / lost).exists()
