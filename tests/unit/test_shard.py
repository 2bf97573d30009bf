"""`--prodstatus-shard` divides the criteria: each is in one shard, and so is each group."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.criteria import Shard
from pytest_prodstatus.model.catalogue import Criterion
from tests.unit.given import criterion

NAMES = st.builds("{}.{}".format, st.sampled_from("abcd"), st.text("ab-[]é", min_size=1))
GROUPS = st.sampled_from([(), (), (), ("one",), ("two",), ("one", "two")])


class Item(NamedTuple):
    """A stand-in for pytest's item: only its groups matter."""

    groups: tuple[str, ...]

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        """Return its marks of a name."""
        marks = [pytest.mark.xdist_group(group).mark for group in self.groups]
        return marks if name == "xdist_group" else []


class Collected(NamedTuple):
    """A criterion with its item."""

    item: Any
    criterion: Criterion

    @property
    def group(self) -> str:
        """What it must stay together with."""
        return "_".join(self.item.groups)


def collected(name: str, groups: tuple[str, ...] = (), *, acts: bool = False) -> Collected:
    """Return a criterion."""
    return Collected(Item(groups), criterion(name, side_effects=acts))


def shards_of(test: Collected, of: int) -> list[int]:
    """Return the numbers of the shards that hold a criterion."""
    return [n for n in range(1, of + 1) if Shard(n, of).holds(test.item, test.criterion)]


@given(
    st.lists(st.tuples(NAMES, GROUPS, st.booleans()), unique_by=lambda row: row[0]),
    st.integers(1, 40),
)
def test_shards_are_a_partition(rows: list[tuple[str, tuple[str, ...], bool]], of: int) -> None:
    """Each criterion is in exactly one shard, and alone decides in which.

    Those of one xdist group are together, and so are those of a stage that act and have no group.
    """
    tests = [collected(name, groups, acts=acts) for name, groups, acts in rows]
    places: dict[tuple[str, str], set[int]] = defaultdict(set)
    for test in tests:
        (number,) = shards_of(test, of)
        if test.group:
            places["group", test.group].add(number)
        elif test.criterion.side_effects:
            places["stage", test.criterion.stage].add(number)
    assert all(len(numbers) == 1 for numbers in places.values())


def test_a_shard_is_the_same_on_every_machine() -> None:
    """The division is fixed, since machines with different releases of Python share a run."""
    names = [f"api.criterion-{n}" for n in range(8)]
    assert [shards_of(collected(name), 3) for name in names] == [
        [2], [2], [2], [1], [1], [1], [3], [3]
    ]  # fmt: skip


def test_shards_are_of_like_size() -> None:
    """A thousand criteria on ten shards: none has more than half as much again as its share."""
    counts = dict.fromkeys(range(1, 11), 0)
    for n in range(1_000):
        counts[shards_of(collected(f"api.criterion-{n}"), 10)[0]] += 1
    assert min(counts.values()) > 50
    assert max(counts.values()) < 150


@pytest.mark.parametrize(
    ("text", "shard"),
    [
        ("1/1", Shard(1, 1)),
        (" 3/12 ", Shard(3, 12)),
        *((text, None) for text in ("", "0/3", "4/3", "3", "1/0", "-1/3", "1/3/4", "٣/٤", "01/3")),
    ],
)
def test_how_a_shard_is_written(text: str, shard: Shard | None) -> None:
    """Shards count from 1; anything else is refused."""
    assert Shard.parse(text) == shard
    assert shard is None or str(shard) == text.strip()
