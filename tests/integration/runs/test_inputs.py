"""A command reads pytest's files as pytest itself does."""

from __future__ import annotations

import pytest

from pytest_prodstatus.cli.common import configured_in
from pytest_prodstatus.project import KEYS
from tests.integration.project import Project
from tests.unit.test_inputs import FILES, INI_OPTIONS

MAJOR = int(pytest.__version__.partition(".")[0])
NEW = ("pytest.toml", ".pytest.toml")
"""Files that pytest 9 began to read."""

WRITTEN = {
    **FILES,
    "ini_options": INI_OPTIONS,
    "comment": "[pytest]\nprodstatus_target = eu ; not us\n# prodstatus_dir = x\n",
    "continued": "[pytest]\nprodstatus_subject =\n  v1\nprodstatus_target = eu\n",
    "colon": "[pytest]\nprodstatus_target: eu\nprodstatus_dir :a b\n",
    "addopts": "[pytest]\naddopts = -q --prodstatus-target eu\n  --prodstatus-dir=out\n",
    "override": "[pytest]\naddopts = -o prodstatus_target=us\nprodstatus_target = eu\n",
    "empty": "",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_same_values_as_pytest(project: Project, name: str) -> None:
    """Command and pytest agree for each file that pytest reads, and each form of a value."""
    file = {"ini_options": "pyproject.toml"}.get(name, name if name in FILES else "pytest.ini")
    if MAJOR < 9 and (file in NEW or name == "pyproject.toml"):
        pytest.skip("an older pytest doesn't read it")
    if name == "override" and pytest.version_tuple < (9, 1):
        pytest.skip("an older pytest obeys no `-o` in addopts")
    (project.root / file).write_text(WRITTEN[name], encoding="utf-8")
    config = project.pytester.parseconfig()
    read = configured_in(project.root, {})
    assert read.ini == {key: config.getini(ini).strip() for key, ini in KEYS.items()}
    options = {n: config.getoption(f"prodstatus_{n}", None) for n in ("target", "dir", "subject")}
    assert read.options == {n: value for n, value in options.items() if value is not None}
