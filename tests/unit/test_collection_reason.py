"""The reason of a file that did not collect is the error, and pytest's hint is the remedy."""

from __future__ import annotations

import pytest

from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.reports import missing_of

MISMATCH = """import file mismatch:
imported module 'test_a' has this __file__ attribute:
  /x/a/test_a.py
which is not the same as the test file we want to collect:
  /x/b/test_a.py
HINT: remove __pycache__ / .pyc files and/or use a unique basename for your test file modules"""

IMPORT = """ImportError while importing test module '/x/test_a.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
test_a.py:1: in <module>
    import shop
E   ModuleNotFoundError: No module named 'shop'"""


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        (
            MISMATCH,
            (
                "import file mismatch: imported module 'test_a' has this __file__ attribute: "
                "/x/a/test_a.py which is not the same as the test file we want to collect: "
                "/x/b/test_a.py"
            ),
            (
                "remove __pycache__ / .pyc files and/or use a unique basename for your test file "
                "modules"
            ),
        ),
        (IMPORT, "ModuleNotFoundError: No module named 'shop'", None),
        ("HINT: only a hint", "", "only a hint"),
        ("one line", "one line", None),
    ],
)
def test_the_hint_is_the_remedy(error: str, text: str, remedy: str | None) -> None:
    """An import error's hint is left out, since it is about names of folders."""
    report = pytest.CollectReport("b/test_a.py", "failed", error, None)
    reason = missing_of(report)
    assert (reason.text, reason.remedy) == (f"b/test_a.py did not collect: {text}".strip(), remedy)
    assert reason.kind is Kind.COLLECTION_ERROR
