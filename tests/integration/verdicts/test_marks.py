"""The stage mark: which stage a test belongs to, and what its criterion is called."""

from __future__ import annotations

import pytest

from tests.integration.project import SERIAL, SHOP, XDIST, Project, plain

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
TWO_STAGES = {
    "two marks": "@api\n@shop\ndef test_a(): pass\n",
    "a parameter": """
        @api
        @pytest.mark.parametrize("region", ["us", pytest.param("eu", marks=shop)])
        def test_a(region): pass
        """,
    "class and test": "@api\nclass TestApi:\n    @shop\n    def test_a(self): pass\n",
    "file and test": "pytestmark = api\n@shop\ndef test_a(): pass\n",
    "file": "pytestmark = [api, shop]\ndef test_a(): pass\n",
    "base class": """
        @api
        class Base:
            def test_a(self): pass
        @shop
        class TestShop(Base): pass
        """,
    "unittest": "@api\nclass Api(unittest.TestCase):\n    @shop\n    def test_a(self): pass\n",
}
LATE = """
import pytest
@pytest.hookimpl({when}=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.stage("shop"))
"""


def refused(project: Project, *mode: str) -> str:
    """Run a project that must be refused before any test runs, and return the message."""
    ran = project.run(*mode)
    assert ran.status == 4
    assert ran.files == frozenset()
    assert not (project.root / "ran").exists()
    lines = [line for line in (ran.out + "\n" + ran.err).splitlines() if "stage(" in line]
    assert len(lines) == 1
    return lines[0].removeprefix("ERROR: ")


@pytest.mark.parametrize("text", TWO_STAGES.values(), ids=TWO_STAGES)
def test_second_stage_is_refused(project: Project, text: str) -> None:
    """A test has one verdict, so it can't belong to two stages, wherever the marks stand."""
    before = "@api\ndef test_before(): Path('ran').touch()\n"
    project.write({"test_aa.py": before, "test_api.py": text})
    message = refused(project)
    assert message.startswith("test_api.py::")
    assert "test_a" in message
    for name in ("stage('api')", "stage('shop')", "two stages"):
        assert name in message


def test_second_stage_is_refused_by_workers(project: Project) -> None:
    """Workers refuse a second stage with the same sentence, and no internal error."""
    project.write({"test_api.py": "@api\n@shop\ndef test_a(): Path('ran').touch()\n"})
    assert refused(project, *XDIST) == refused(project)


@pytest.mark.parametrize("when", ["tryfirst", "trylast"])
def test_second_stage_from_a_hook_is_refused(project: Project, when: str) -> None:
    """A conftest may add it before or after the plugin has looked."""
    project.write({"test_api.py": "@api\ndef test_a(): Path('ran').touch()\n"})
    project.write({"conftest.py": LATE.format(when=when)})
    assert "two stages" in refused(project)


def test_one_stage_named_again_says_more(project: Project) -> None:
    """Of marks on a class and its test the closest counts, and inherits the rest."""
    project.write(
        {
            "test_api.py": """
            @pytest.mark.stage("api", side_effects=True)
            class TestOrders:
                @api
                def test_bought(self): pass
                @pytest.mark.stage("api", side_effects=False)
                def test_read(self): pass
                @pytest.mark.stage("api", criterion="order-sent")
                def test_sent(self): pass
            """,
            "test_shop.py": SHOP,
        }
    )
    acts = {name: c["side_effects"] for name, c in project.run().criteria.items()}
    assert acts == {
        "api.bought": True,
        "api.read": False,
        "api.order-sent": True,
        "shop.open": False,
    }


@MODES
def test_criterion_has_an_id_of_its_own(project: Project, mode: tuple[str, ...]) -> None:
    """An id in the mark lets a function be renamed, and two classes have the same tests."""
    text = """
    class Regional:
        @pytest.mark.parametrize("currency", ["EUR", "USD"])
        def test_paid(self, currency): pass
    @pytest.mark.stage("api", criterion="eu-paid")
    class TestEu(Regional): pass
    @pytest.mark.stage("api", criterion="us-paid")
    class TestUs(Regional): pass
    @pytest.mark.stage("api", criterion="up")
    def test_renamed(): pass
    @api
    @pytest.mark.parametrize("region", [
        "eu", pytest.param("us", marks=pytest.mark.stage("api", criterion="us-asked")),
    ])
    def test_asked(region): pass
    """
    project.write({"test_api.py": text, "test_shop.py": SHOP})
    ran = project.run(*mode)
    assert ran.status == 0
    assert sorted(ran.criteria) == [
        "api.asked[eu]",
        "api.eu-paid[EUR]",
        "api.eu-paid[USD]",
        "api.up",
        "api.us-asked[us]",
        "api.us-paid[EUR]",
        "api.us-paid[USD]",
        "shop.open",
    ]
    assert ran.criteria["api.up"]["title"] == "Up"


@MODES
def test_a_mark_may_have_texts_of_another_class(project: Project, mode: tuple[str, ...]) -> None:
    """A member of an enum of texts is its text, and a docstring that isn't text says nothing."""
    text = """
    import enum
    class Name(str, enum.Enum):
        API = "api"
        UP = "up"
    class Odd(str):
        def __hash__(self): raise RuntimeError("no hash")
        def __repr__(self): raise RuntimeError("no repr")
    @pytest.mark.stage(Name.API, criterion=Name.UP)
    def test_a(): pass
    @pytest.mark.stage(Odd("api"))
    def test_b(): pass
    test_b.__doc__ = 5
    @api
    @pytest.mark.xfail(reason=Name.UP)
    def test_c(): assert 0
    """
    project.write({"test_api.py": text, "test_shop.py": SHOP})
    ran = project.run(*mode)
    confirmed = dict.fromkeys(("api.up", "api.b", "shop.open"), "CONFIRMED")
    assert ran.verdicts == {**confirmed, "api.c": "FAILED known-failure"}
    assert ran.criteria["api.c"]["reason"].endswith(": up")
    assert ran.criteria["api.b"]["title"] == "B"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'api', criterion='Eu Up'", "criterion='Eu Up' must be"),
        ("'api', criterion='api.up'", "criterion='api.up' must be"),
        ("'api', criterion=''", "criterion='' must be"),
        ("'api', criterion=5", "criterion=5 must be"),
        ("'api', name='up'", "must name one stage"),
        ("'api', 'shop'", "must name one stage"),
        ("'api', side_effects='yes'", "must name one stage"),
    ],
)
def test_what_a_mark_may_not_say(project: Project, arguments: str, words: str) -> None:
    """A mark that can't be used is refused with the test, the mark and what would do."""
    project.write({"test_api.py": f"@pytest.mark.stage({arguments})\ndef test_a(): pass\n"})
    message = refused(project)
    assert message.startswith(f"test_api.py::test_a: mark stage({arguments})")
    assert words in message


def test_two_names_on_one_test_are_refused(project: Project) -> None:
    """Two ids on one test are refused."""
    marks = "\n".join(f"@pytest.mark.stage('api', criterion='{name}')" for name in ("a", "b"))
    project.write({"test_api.py": f"{marks}\ndef test_a(): pass\n"})
    assert "two names" in refused(project)


@pytest.mark.parametrize("name", ["", "[eu]", " ", "\u200b"])
def test_an_item_without_a_name_is_refused(project: Project, name: str) -> None:
    """A plugin may make such an item; its criterion's id would be the stage and a point."""
    conftest = f"""
    import pytest
    class Case(pytest.Item):
        def runtest(self): pass
    class Cases(pytest.File):
        def collect(self):
            case = Case.from_parent(self, name={name!r})
            case.add_marker(pytest.mark.stage("api"))
            yield case
    def pytest_collect_file(parent, file_path):
        if file_path.suffix == ".case": return Cases.from_parent(parent, path=file_path)
    """
    project.write({"conftest.py": conftest, "a.case": ""})
    ran = project.run()
    assert ran.status == 4
    assert "of which no criterion's id can be made" in ran.err


def test_one_name_for_two_tests_is_refused(project: Project) -> None:
    """One id for two tests is refused, with an id of its own as the remedy."""
    text = "@pytest.mark.stage('api', criterion='up')\ndef test_{0}(): pass\n"
    project.write({"test_api.py": text.format("a") + text.format("b")})
    ran = project.run()
    assert ran.status == 4
    assert "'api.up' belongs to two test functions" in ran.err
    assert "stage('api', criterion='its-name')" in ran.err


SAME = """
import pytest

def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".yaml":
        return File.from_parent(parent, path=file_path)

class File(pytest.File):
    def collect(self):
        for _ in range(2):
            item = Item.from_parent(self, name="up")
            item.add_marker(pytest.mark.stage("api"))
            yield item

class Item(pytest.Item):
    def runtest(self): pass
"""


@MODES
@pytest.mark.parametrize("other", ["@api\n", ""], ids=["a criterion", "another test"])
def test_two_files_with_one_node_id_are_refused(
    project: Project, mode: tuple[str, ...], other: str
) -> None:
    """Outside pytest's root, two files of one name may have one node id; both are named."""
    project.write({
        "config/pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
        "x/test_s.py": "@api\ndef test_a(): assert 0\n",
        "y/test_s.py": f"{other}def test_a(): pass\n",
    })  # fmt: skip
    ran = project.run_alone("-c", "config/pytest.ini", *mode, "x", "y")
    words = plain(ran.out + ran.err)
    assert "test_s.py::test_a: two tests have this node id, in x/test_s.py and y/test_s.py" in words
    assert f"--rootdir={project.root.resolve()}" in words
    assert ran.status == 4
    rooted = project.run_alone("-c", "config/pytest.ini", *mode, "--rootdir=.", "x", "y")
    assert "two tests have this node id" not in plain(rooted.out + rooted.err)


@MODES
def test_two_items_of_a_file_with_one_node_id_are_refused(
    project: Project, mode: tuple[str, ...]
) -> None:
    """Another kind of test may have one name twice in a file."""
    project.write({"conftest.py": SAME, "x.yaml": ""})
    ran = project.run_alone(*mode)
    words = plain(ran.out + ran.err)
    assert "x.yaml::up: two tests have this node id, in x.yaml: give each a name" in words
    assert ran.status == 4


def test_a_test_that_is_listed_twice_is_one(project: Project) -> None:
    """A file that is collected again, and an item that a hook repeats, are no other test."""
    hook = "def pytest_collection_modifyitems(items): items.extend(items[:])\n"
    project.write({"conftest.py": SAME.replace("range(2)", "range(1)") + hook, "x.yaml": ""})
    project.write({"test_api.py": "@api\ndef test_a(): pass\n"})
    ran = project.run_alone("--keep-duplicates", ".", "test_api.py")
    assert ran.verdicts == {"api.a": "CONFIRMED", "api.up": "CONFIRMED"}
