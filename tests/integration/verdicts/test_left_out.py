"""What has a stage mark and isn't collected: a criterion that nobody would miss."""

from __future__ import annotations

import pytest

from tests.integration.project import SERIAL, SHOP, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
NAME = "pytest doesn't collect what has this name"
INIT = "pytest collects no class with an __init__ or a __new__"
HOOK = "a conftest or plugin leaves it out"
INHERITED_INIT = """
class Base:
    def __init__(self): pass
    @api
    def test_a(self): pass
class TestPaid(Base): pass
"""
LEFT_OUT = {
    "function": ("@api\ndef check_paid(): pass", "check_paid", NAME),
    "class named otherwise": (
        "class PaymentTests:\n    @api\n    def test_paid(self): pass", "PaymentTests", NAME,
    ),
    "its mark on the class": (
        "@api\nclass Payments:\n    def test_paid(self): pass", "Payments", NAME,
    ),
    "method": (
        "class TestPaid:\n    @api\n    def tets_paid(self): pass\n    def test_b(self): pass",
        "TestPaid::tets_paid", NAME,
    ),
    "static method": (
        "class TestPaid:\n    @staticmethod\n    @api\n    def paid(): pass",
        "TestPaid::paid", NAME,
    ),
    "inherited method": (
        "class Base:\n    @api\n    def paid(self): pass\nclass TestPaid(Base): pass",
        "TestPaid::paid", NAME,
    ),
    "class in a class": (
        "class TestPaid:\n    class Eu:\n        @api\n        def test_a(self): pass",
        "TestPaid::Eu", NAME,
    ),
    "of unittest": (
        "class Paid(unittest.TestCase):\n    @api\n    def paid(self): pass", "Paid::paid", NAME,
    ),
    "class with an init": (
        "class TestPaid:\n    def __init__(self): pass\n    @api\n    def test_a(self): pass",
        "TestPaid", INIT,
    ),
    "class with a new, in a file with a mark": (
        "pytestmark = api\nclass TestPaid:\n    def __new__(cls): pass\n    def test_a(self): pass",
        "TestPaid", INIT,
    ),
    "inherited init": (
        INHERITED_INIT, "TestPaid", INIT,
    ),
}  # fmt: skip
HELPER = """
import pytest

@pytest.mark.stage("api")
def check_paid(): pass

class Checks:
    @pytest.mark.stage("api")
    def test_base(self): pass

    @pytest.mark.stage("api")
    def test_off(self): pass
"""
NOT_A_TEST = """
from helper import Checks, check_paid

@api
def original(): pass

@functools.wraps(original)
def test_wrapped(): pass

@api
def off(): pass
off.__test__ = False

@api
class TestOff:
    __test__ = False
    def test_a(self): pass

class TestReal(Checks):
    test_off = None

@api
class Url:
    def parts(self): pass

class TestClient:
    def __init__(self): pass
    def test_connection(self): pass
"""

PROXY = """
class Proxy:
    def __getattribute__(self, name):
        raise RuntimeError("not bound")

proxy = Proxy()

@api
class TestProxy:
    proxy = proxy
    def test_a(self): pass
"""


def reasons(project: Project, *args: str) -> list[str]:
    """Run a project of which everything passes, and return its incidents."""
    ran = project.run("-m", "production", *args)
    assert set(ran.verdicts.values()) <= {"CONFIRMED", "BLOCKED"}
    record = ran.record
    assert record["decision"]["open"] is (not record["run"]["incidents"])
    return [incident["reason"] for incident in record["run"]["incidents"]]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_it_caps_final(project: Project, name: str) -> None:
    """What has the mark was meant as a criterion, so what it asks isn't known."""
    text, part, why = LEFT_OUT[name]
    project.write({"test_shop.py": SHOP, "test_api.py": f"@api\ndef test_ok(): pass\n{text}\n"})
    assert reasons(project) == [f"test_api.py::{part} has a stage mark and isn't collected: {why}"]


@MODES
def test_it_is_said_with_workers_too(project: Project, mode: tuple[str, ...]) -> None:
    """A worker tells its controller; the run ends like one in which a file didn't collect."""
    project.write({"test_shop.py": SHOP, "test_api.py": "@api\ndef test_ok(): pass\n"})
    assert project.run("-m", "production", *mode).status == 0
    project.write({"test_api.py": "@api\ndef test_ok(): pass\n@api\ndef tst_b(): pass\n"})
    ran = project.run("-m", "production", *mode)
    assert ran.status == 10
    assert "test_api.py::tst_b has a stage mark and isn't collected" in ran.out
    assert "name it test_…, or remove the mark" in ran.out


def test_a_hook_that_leaves_one_out(project: Project) -> None:
    """A criterion that a conftest doesn't make a test of is missed like a misnamed one."""
    hook = "def pytest_pycollect_makeitem(name):\n    return [] if name == 'test_b' else None\n"
    tests = "@api\ndef test_ok(): pass\n@api\ndef test_b(): pass\n"
    project.write({"conftest.py": hook, "test_shop.py": SHOP, "test_api.py": tests})
    assert reasons(project) == [f"test_api.py::test_b has a stage mark and isn't collected: {HOOK}"]


def test_what_was_never_meant_as_a_test(project: Project) -> None:
    """A base of tests, what a test wraps, a helper, and what has `__test__ = False` are fine."""
    tests = "@api\ndef test_ok(): pass\n" + NOT_A_TEST
    project.write({"helper.py": HELPER, "test_shop.py": SHOP})
    project.write({"test_api.py": f"import functools\n{tests}"})
    assert reasons(project) == []
    assert reasons(project, "--doctest-modules") == []


def test_names_that_may_not_be_looked_at(project: Project) -> None:
    """A proxy that raises if it is asked for anything is no error of the run's."""
    project.write({"test_shop.py": SHOP, "test_api.py": PROXY})
    assert reasons(project) == []
