"""Criteria that are stricter than their field: listed in the catalogue, or left out."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance import test_order
from tests.acceptance.support.catalogue import is_left_out, stricter

_ROOT = Path(__file__).parents[3]


def _project(folder: Path, *names: str) -> Path:
    folder.mkdir()
    listed = ", ".join(f'"{name}"' for name in names)
    text = f'[[tool.prodstatus.stages]]\nid = "order"\ncriteria = [{listed}]\n'
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


@stricter
def test_every_one(*_: object) -> None:
    """It stands for a stricter criterion, and asserts nothing."""


def test_a_stricter_criterion_runs_if_the_catalogue_lists_it(tmp_path: Path) -> None:
    """By its name, with or without its stage."""
    for number, name in enumerate(("every-one", "order.every-one")):
        assert not is_left_out(test_every_one, "order", _project(tmp_path / str(number), name))
    assert is_left_out(test_every_one, "order", _project(tmp_path / "x", "at-least-one"))


def test_nothing_else_is_left_out(tmp_path: Path) -> None:
    """Neither a criterion of the field's own words, nor anything without a catalogue."""
    folder = _project(tmp_path / "x")
    assert not is_left_out(test_order.test_purchased_order_exists, "order", folder)
    assert not is_left_out(test_every_one, "sale", folder)
    assert not is_left_out(test_every_one, "order", tmp_path)


def test_this_project_lists_every_one_of_them() -> None:
    """Leaving one out is for the owner of a store to decide."""
    found = [value for name, value in vars(test_order).items() if name.startswith("test_")]
    assert len(found) == 8
    assert not [each for each in found if is_left_out(each, "order", _ROOT)]
