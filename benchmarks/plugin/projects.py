"""Projects of many small tests, the same for every reporter."""

from __future__ import annotations

import shutil
from pathlib import Path

PER_FILE = 100
STAGES = 10

_EVIDENCE = """
def test_f{file}_c{number}(evidence):
    \"\"\"Criterion {number} of file {file} holds.\"\"\"
    evidence(order_id="order {number}", count={number})
"""
_PLAIN = """
def test_f{file}_c{number}():
    \"\"\"Criterion {number} of file {file} holds.\"\"\"
"""


def write_project(folder: Path, tests: int, *, marked: bool = True, evidence: bool = False) -> None:
    """Write a project of so many tests that all pass, a hundred a file.

    Args:
        folder: where; it is made.
        tests: how many, a multiple of a hundred.
        marked: each file is of one of ten stages.
        evidence: each test records two values.
    """
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    stage: unknown without the plugin\n", encoding="utf-8"
    )
    # On its path, the installed package isn't hidden by this checkout.
    shutil.copy(Path(__file__).with_name("floor.py"), folder)
    body = _EVIDENCE if evidence else _PLAIN
    for file in range(tests // PER_FILE):
        lines = [f"import pytest\n\npytestmark = pytest.mark.stage('stage-{file % STAGES}')\n"]
        texts = [body.format(file=file, number=number) for number in range(PER_FILE)]
        text = "\n".join([*(lines if marked else []), *texts])
        (folder / f"test_{file:04}.py").write_text(text, encoding="utf-8")
