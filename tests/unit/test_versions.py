"""The record says with which neighbours a run was made."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

import pytest

from pytest_prodstatus.versions import NEIGHBOURS, versions


@pytest.mark.parametrize(("package", "name"), NEIGHBOURS.items())
def test_a_neighbour_is_known_by_its_package(package: str, name: str) -> None:
    """The package of the plugin that it registers, for every neighbour that is here."""
    try:
        points = distribution(name).entry_points.select(group="pytest11")
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    assert package in {point.module.partition(".")[0] for point in points}


def test_versions_of_what_is_loaded(pytestconfig: pytest.Config) -> None:
    """Python's, pytest's, this plugin's and those of the neighbours that this very run has."""
    loaded = {item.project_name for _, item in pytestconfig.pluginmanager.list_plugin_distinfo()}
    told = versions(pytestconfig)
    assert set(told) == {"python", "pytest", "pytest-prodstatus"} | loaded & {*NEIGHBOURS.values()}
    assert told["pytest"] == pytest.__version__
    for name in told.keys() & {*NEIGHBOURS.values()}:
        assert told[name] == distribution(name).version
