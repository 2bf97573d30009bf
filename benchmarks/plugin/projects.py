"""Projects of many small tests, the same for every reporter."""

from __future__ import annotations

import shutil
from pathlib import Path

PER_FILE = 100
STAGES = 10

_PLAIN = """
def test_f{file}_c{number}():
    \"\"\"Criterion {number} of file {file} holds.\"\"\"
"""
BODIES = {
    "": _PLAIN,
    "evidence": """
def test_f{file}_c{number}(evidence):
    \"\"\"Criterion {number} of file {file} holds.\"\"\"
    evidence(order_id="order {number}", count={number})
""",
    "properties": """
def test_f{file}_c{number}(record_property):
    \"\"\"Criterion {number} of file {file} holds.\"\"\"
    record_property("order_id", "order {number}")
    record_property("count", {number})
""",
    "attachments": """
def test_f{file}_c{number}():
    \"\"\"Criterion {number} of file {file} holds.\"\"\"
    allure.attach("order {number}", name="order_id")
    allure.attach("{number}", name="count")
""",
}
"""A test that records nothing, or the same two values in the way of one reporter."""
_IMPORTS = {"attachments": "import allure\n"}


def write_project(
    folder: Path,
    tests: int,
    *,
    marked: bool = True,
    records: str = "",
    asserts: int = 0,
    counts: bool = False,
) -> None:
    """Write a project of passing tests, a hundred in each file.

    Args:
        folder: the project's folder; it must not exist.
        tests: how many, a multiple of a hundred.
        marked: whether each file is marked with one of ten stages.
        records: the way in which each test records two values, a key of `BODIES`.
        asserts: how many assertions each test has.
        counts: whether the project requires them, so that the plugin counts.
    """
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    stage: unknown without the plugin\n", encoding="utf-8"
    )
    # Copied, so that this checkout isn't on the path and doesn't hide the installed package.
    shutil.copy(Path(__file__).with_name("floor.py"), folder)
    if counts:
        text = "[tool.prodstatus]\nrequire_assertion = true\n"
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    body, imports = BODIES[records], _IMPORTS.get(records, "")
    body += '    assert len("{number}") < 9\n' * asserts
    for file in range(tests // PER_FILE):
        lines = [f"import pytest\n\npytestmark = pytest.mark.stage('stage-{file % STAGES}')\n"]
        texts = [body.format(file=file, number=number) for number in range(PER_FILE)]
        text = "\n".join([imports, *(lines if marked else []), *texts])
        (folder / f"test_{file:04}.py").write_text(text, encoding="utf-8")
