"""Break each rule of the core in turn, and show that the unit tests notice.

    python -m tests.mutation [MODULE …]

Every mutant is one change in a copy of the package: a verdict or a kind of reason swapped, a case
of a `match` dropped, a comparison turned round, a condition negated or dropped, a constant
flipped, an item of a list dropped. It is caught if a unit test fails. The exit status is 1 if one
survives that isn't listed below, or if one is listed for nothing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
GATE = ("gate", "violations")
"""The modules of the gate's decision, which one table tests."""

MODULES = ("verdict", "outcome", "rollup", "criterion_status", "assemble", "record", "waiver",
           "merge", "teardown", "attestation", "assertions", *GATE)  # fmt: skip
TESTS = ("outcome", "rollup", "criterion_status", "assemble", "verdict", "record", "properties",
         "waiver", "merge", "teardown", "attestation", "assertions", "gate", "causes",
         "not_applicable")  # fmt: skip

LONGEST_S = 120
"""Seconds after which the tests of a mutant are ended; all of them take ten."""
BROKEN = 3
"""The exit status of a process that could not test its mutant."""

_ALWAYS = "everything that isn't CONFIRMED has a reason and a cause, unknown to the types"
_GIVEN = "a default that the core itself never relies on"
_BOTH = "a value with one of them alone was refused when it was made"
SAME = {
    "record:False flipped": _GIVEN,
    "record:self.duration < 0 turned round": "a duration of 0 isn't looked at",
    "gate:stage.reason dropped from it": _ALWAYS,
    "rollup:root dropped from it": _ALWAYS,
    "rollup:worst.id dropped from it": _ALWAYS,
    "rollup:result.id dropped from it": _ALWAYS,
    "rollup:filter s.verdict is not Verdict.CONFIRMED dropped": "it spares work alone",
    "rollup:filter catalogue.needs[name] dropped": "it spares work alone",
    "rollup:not (stage.owner or stage.runbook) dropped from it": "it spares work alone",
    "assemble:rest.remedy dropped from it": "what isn't known of the rest has one",
    "criterion_status:not former dropped from it": "a set of names for nothing",
    "criterion_status:not former: not dropped": "a set of names for nothing",
    "criterion_status:not (criterion.owner or criterion.runbook) dropped from it": "it spares work",
    "criterion_status:True flipped": "no one looks what was selected of what the gate adds",
    "criterion_status:'' dropped from it": "a standing that was carried over always has a test",
    "criterion_status:age < timedelta() turned round": "an age of 0 is never stale",
    "rollup:stage.reason dropped from it": _ALWAYS,
    "rollup:cause.reason dropped from it": _ALWAYS,
    "rollup:now dropped from it": "the run of a record that is composed has its end",
    "violations:by_itself.reason dropped from it": _ALWAYS,
    "violations:strict=True flipped": "each criterion has one standing by itself",
    "merge:filter shard.run.finished dropped": "a run in progress was refused before",
    "merge:status.observed_now dropped from it": "what a run observed, it had selected",
    "merge:rank < known[0] turned round": "a rank has the shard's name, so no two are equal",
    "verdict:self.sentence is None or self.kind is None: and/or swapped": _BOTH,
    "verdict:self.sentence is None dropped from it": _BOTH,
    "verdict:self.kind is None dropped from it": _BOTH,
    "verdict:None dropped from it": "the last field is looked at only if it is the one given",
    "teardown:if TYPE_CHECKING negated": "it imports what the types alone need",
    "assertions:case _ dropped": "a match without a case gives None, which is false as well",
    "assertions:bool(part.value) dropped from it": "Python's parser keeps no empty part",
    "assertions:False flipped": _GIVEN,
    "assertions:Any dropped from a list": "an annotation",
    "attestation:'' dropped from it": "no subject has the name None either",
    "attestation:validate=True flipped": "a text that isn't base64 never is its own canonical form",
}
"""Mutants that change nothing that can be seen, each with the reason."""

_SWAP = {
    "CONFIRMED": ("BLOCKED", "FAILED"),
    "BLOCKED": ("CONFIRMED", "FAILED"),
    "FAILED": ("CONFIRMED", "BLOCKED"),
}
_TURN: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip


class Mutant(NamedTuple):
    """A module, what was changed in it and where, and its changed source."""

    module: str
    change: str
    source: str


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Yield each mutant of a module."""
    tree = ast.parse(source)
    declarations = _declarations(tree)
    keywords = {
        id(node.value): node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)
    }
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in declarations:
            continue
        for number, change in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            _apply(target, number)
            if isinstance(node, ast.Constant) and keywords.get(id(node)):
                change = f"{keywords[id(node)]}={change}"  # an excuse of one excuses no other
            line = getattr(node, "lineno", getattr(getattr(node, "pattern", None), "lineno", 0))
            ast.fix_missing_locations(changed)
            yield Mutant(module, f"{line}: {change}", ast.unparse(changed))


def _declarations(tree: ast.AST) -> set[int]:
    """Return the ids of nodes that hold no rule: how a class is made, and `__all__`.

    That a Struct forbids unknown fields is a rule.
    """
    roots: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            roots += node.decorator_list
            roots += [word for word in node.keywords if word.arg in ("frozen", "kw_only", "gc")]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            roots.append(node)
    return {id(inner) for root in roots for inner in ast.walk(root)}


def _changes(node: ast.AST) -> list[str]:
    """Return in words how a node can be changed."""
    match node:
        case ast.Attribute(value=ast.Name(id="Verdict"), attr=word) if word in _SWAP:
            return [f"Verdict.{word} -> {other}" for other in _SWAP[word]]
        case ast.Attribute(value=ast.Name(id="Kind"), attr=word):
            return [f"Kind.{word} -> another"]
        case ast.Match(cases=cases):
            return [f"case {ast.unparse(case.pattern)} dropped" for case in cases]
        case ast.Compare(ops=[op]) if type(op) in _TURN:
            return [f"{ast.unparse(node)} turned round"]
        case ast.BoolOp():
            turned = f"{ast.unparse(node)}: and/or swapped"
            return [turned, *(f"{ast.unparse(v)} dropped from it" for v in node.values)]
        case ast.UnaryOp(op=ast.Not()):
            return [f"{ast.unparse(node)}: not dropped"]
        case ast.If(test=test) | ast.IfExp(test=test):
            return [f"if {ast.unparse(test)} negated"]
        case ast.comprehension(ifs=[_, *_]):
            return [f"filter {ast.unparse(node.ifs[0])} dropped"]
        case ast.Constant(value=bool()):
            return [f"{node.value!r} flipped"]
        case ast.List(elts=[_, _, *_]):
            return [f"{ast.unparse(e)} dropped from a list" for e in node.elts]
        case _:
            return []


def _apply(node: ast.AST, number: int) -> None:
    """Make a change in place."""
    match node:
        case ast.Attribute(value=ast.Name(id="Verdict")):
            node.attr = _SWAP[node.attr][number]
        case ast.Attribute():
            node.attr = "PENDING" if node.attr != "PENDING" else "TIMEOUT"
        case ast.Match():
            del node.cases[number]
        case ast.Compare():
            node.ops[0] = _TURN[type(node.ops[0])]()
        case ast.BoolOp():
            if number:
                del node.values[number - 1]
            else:
                node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.comprehension():
            del node.ifs[0]
        case ast.Constant():
            node.value = not node.value
        case ast.List():
            del node.elts[number]


def make_copy(root: Path) -> None:
    """Copy what a mutant needs, the package and the core's tests, into an empty folder."""
    unneeded = shutil.ignore_patterns("__pycache__", "state")
    for name in ("pytest_prodstatus", "tests/unit/model"):
        shutil.copytree(ROOT / name, root / name, ignore=unneeded)
    for name in ("__init__.py", "unit/__init__.py", "unit/given.py", "unit/properties.py"):
        shutil.copy(ROOT / "tests" / name, root / "tests" / name)
    profile = "import tests.unit.properties\n"
    (root / "tests/unit/conftest.py").write_text(profile, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def begin(root: Path, mutant: Mutant) -> int:
    """Test a mutant in a copy, in a process of its own, and return its id.

    It is forked from this one, which has imported pytest and Hypothesis, and the copy keeps the
    bytecode of all other modules: a new interpreter without both takes four times as long.
    """
    process = os.fork()
    if process:
        return process
    status = BROKEN
    try:
        signal.alarm(LONGEST_S)  # a mutant that never ends is killed, which is noticed
        status = _caught(root, mutant)
    finally:
        os._exit(status)


def _caught(root: Path, mutant: Mutant) -> int:
    """Return 1 if the tests in a copy fail with a mutant, 0 if they pass, else `BROKEN`."""
    with (root / "output").open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    # Without our own plugin: a broken one mustn't stop pytest before the tests do.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir(root)
    sys.path.insert(0, str(root))
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    # The module's own tests first: they notice most, and soonest.
    own = "gate" if mutant.module in GATE else mutant.module
    for names in ([own], [name for name in TESTS if name != own]):
        files = [f"tests/unit/model/test_{name}.py" for name in names]
        status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files]))
        if status:
            return 1 if status in (1, 2) else BROKEN
    return 0


def _write(root: Path, module: str, source: str) -> None:
    path = root / "pytest_prodstatus/model" / f"{module}.py"
    # Bytecode is taken for that of any source of the same size and second.
    for compiled in path.parent.glob(f"__pycache__/{module}.*"):
        compiled.unlink()
    path.write_text(source, encoding="utf-8")


def attempts(todo: Iterable[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant with whether it was caught, as soon as that is known."""
    import_module("hypothesis.internal.conjecture.providers")  # for all that are forked
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        idle = [Path(folder, str(number)) for number in range(os.cpu_count() or 1)]
        for root in idle:
            make_copy(root)
        running: dict[int, tuple[Path, Mutant]] = {}
        waiting = iter(todo)
        while True:
            for mutant in islice(waiting, len(idle)):
                root = idle.pop()
                _write(root, mutant.module, mutant.source)
                running[begin(root, mutant)] = root, mutant
            if not running:
                return
            process, status = os.wait()
            root, mutant = running.pop(process)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == BROKEN:
                raise RuntimeError((root / "output").read_text(encoding="utf-8"))
            _write(root, mutant.module, source_of(mutant.module))
            idle.append(root)
            yield mutant, status != 0


def source_of(module: str) -> str:
    """Return the source of a module of the core."""
    return (ROOT / "pytest_prodstatus/model" / f"{module}.py").read_text(encoding="utf-8")


def main(modules: list[str]) -> int:
    """Try all mutants of some modules, and print those that survive and the excuses without one."""
    for mutant, noticed in attempts(Mutant(m, "", source_of(m)) for m in modules):
        if noticed:
            sys.stdout.write(f"{mutant.module}: the tests fail without any change\n")
            return 1
    counts = {"caught": 0, "same": 0, "SURVIVED": 0}
    unused = {key for key in SAME if key.partition(":")[0] in modules}
    for mutant, noticed in attempts(each for m in modules for each in mutants(m, source_of(m))):
        key = f"{mutant.module}:{mutant.change.partition(': ')[2]}"
        result = "caught" if noticed else "same" if key in SAME else "SURVIVED"
        counts[result] += 1
        if not noticed:
            unused.discard(key)
            sys.stdout.write(f"{result:8} {mutant.module}:{mutant.change}\n")
            sys.stdout.flush()
    for key in sorted(unused):
        sys.stdout.write(f"UNUSED   {key}: every such mutant is caught, or there is none\n")
    caught, same, survived = counts.values()
    totals = f"{caught} caught, {same} the same in effect, {survived} survived"
    sys.stdout.write(f"{sum(counts.values())} mutants, {totals}\n")
    return 1 if survived or unused else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), metavar="MODULE")
    sys.exit(main(parser.parse_args().modules))
