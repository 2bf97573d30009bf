"""Which project the suite is part of."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.support.checkout import checkout_of


def test_it_is_the_nearest_project_above_the_suite_s_own_file(tmp_path: Path) -> None:
    """Not one further up, and the one that a link leads to; without any it is the file's folder."""
    inner = tmp_path / "shop"
    suite = inner / "tests" / "acceptance"
    suite.mkdir(parents=True)
    file = suite / "conftest.py"
    assert checkout_of(file) == suite
    for folder in (tmp_path, inner):
        (folder / "pyproject.toml").touch()
        assert checkout_of(file) == folder
    (tmp_path / "link").symlink_to(suite)
    assert checkout_of(tmp_path / "link" / "conftest.py") == inner
