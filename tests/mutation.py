"""Break each rule of the core in turn, and show that the unit tests notice.

    python -m tests.mutation [MODULE …]

Every mutant is one change in a copy of the package: a verdict or a kind of reason swapped, a case
of a `match` dropped, a comparison turned round, a condition negated or dropped, a constant
flipped, an item of a list dropped. It is caught if a unit test fails. The exit status is 1 if one
survives that isn't listed below.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
GATE = ("gate", "violations")
"""The modules of the gate's decision, which one table tests."""

MODULES = ("verdict", "outcome", "rollup", "criterion_status", "assemble", "record", "waiver",
           "merge", "teardown", "attestation", "assertions", *GATE)  # fmt: skip
TESTS = ("outcome", "rollup", "criterion_status", "assemble", "verdict", "record", "properties",
         "waiver", "merge", "teardown", "attestation", "assertions", "gate", "causes")  # fmt: skip

_ALWAYS = "everything that isn't CONFIRMED has a reason and a cause, unknown to the types"
_GIVEN = "a default that the core itself never relies on"
_BOTH = "a value with one of them alone was refused when it was made"
SAME = {
    "outcome:False flipped": _GIVEN,
    "record:False flipped": _GIVEN,
    "record:if TYPE_CHECKING negated": "it imports what the types alone need",
    "rollup:root dropped from it": _ALWAYS,
    "rollup:worst.id dropped from it": _ALWAYS,
    "rollup:result.id dropped from it": _ALWAYS,
    "rollup:filter s.verdict is not Verdict.CONFIRMED dropped": "it spares work alone",
    "assemble:stage.id dropped from it": _ALWAYS,
    "assemble:final.reason dropped from it": _ALWAYS,
    "criterion_status:not former dropped from it": "a set of names for nothing",
    "criterion_status:not former: not dropped": "a set of names for nothing",
    "criterion_status:'' dropped from it": "a standing that was carried over always has a test",
    "criterion_status:span < timedelta() turned round": "an age of 0 is never stale",
    "rollup:stage.reason dropped from it": _ALWAYS,
    "violations:by_itself.reason dropped from it": _ALWAYS,
    "violations:True flipped": "each criterion has one standing by itself",
    "merge:s.reason dropped from it": _ALWAYS,
    "merge:filter part.run.finished dropped": "a run in progress was refused before",
    "merge:False flipped": "it bears on the digest alone, which is taken before",
    "verdict:self.sentence is None or self.kind is None: and/or swapped": _BOTH,
    "verdict:self.sentence is None dropped from it": _BOTH,
    "verdict:self.kind is None dropped from it": _BOTH,
    "verdict:None dropped from it": "the last field is looked at only if it is the one given",
    "teardown:if TYPE_CHECKING negated": "it imports what the types alone need",
    "assertions:case _ dropped": "a match without a case gives None, which is false as well",
    "assertions:False flipped": _GIVEN,
    "assertions:Any dropped from a list": "an annotation",
    "attestation:'' dropped from it": "no subject has the name None either",
    "attestation:True flipped": "a text that isn't base64 never is its own canonical form",
    "assemble:s.selected dropped from it": "what was selected and not observed is BLOCKED itself",
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


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield each mutant of a module: what was changed, and the changed source."""
    tree = ast.parse(source)
    declarations = _declarations(tree)
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in declarations:
            continue
        for number, change in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            _apply(target, number)
            line = getattr(node, "lineno", getattr(getattr(node, "pattern", None), "lineno", 0))
            yield f"{line}: {change}", ast.unparse(ast.fix_missing_locations(changed))


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


def caught(module: str, source: str) -> bool:
    """Return whether the unit tests fail with a changed module."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        shutil.copytree(
            ROOT / "pytest_prodstatus",
            root / "pytest_prodstatus",
            ignore=shutil.ignore_patterns("__pycache__", "state"),
        )
        for name in ("__init__.py", "unit/__init__.py", "unit/given.py", "unit/properties.py"):
            (root / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "tests" / name, root / "tests" / name)
        profile = root / "tests/unit/conftest.py"
        profile.write_text("import tests.unit.properties\n", encoding="utf-8")
        shutil.copytree(
            ROOT / "tests/unit/model", root / "tests/unit/model",
            ignore=shutil.ignore_patterns("__pycache__"),
        )  # fmt: skip
        (root / "pytest_prodstatus/model" / f"{module}.py").write_text(source, encoding="utf-8")
        (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        environment = {
            **os.environ,
            "PYTHONPATH": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            # Without our own plugin: a broken one mustn't stop pytest before the tests do.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        # The module's own tests first: they notice most, and soonest.
        own = "gate" if module in GATE else module
        names = sorted(TESTS, key=lambda name: name != own)
        for batch in (names[:1], names[1:]):
            files = [f"tests/unit/model/test_{name}.py" for name in batch]
            done = subprocess.run(
                [*command, *files], cwd=root, env=environment, capture_output=True, text=True,
                check=False, timeout=300,
            )  # fmt: skip
            if done.returncode not in (0, 1, 2):
                raise RuntimeError(done.stdout + done.stderr)
            if done.returncode:
                return True
        return False


def main(modules: list[str]) -> int:
    """Try all mutants of some modules and print those that survive."""
    todo = [
        (module, change, source)
        for module in modules
        for change, source in mutants(
            (ROOT / "pytest_prodstatus/model" / f"{module}.py").read_text(encoding="utf-8")
        )
    ]
    for module in modules:
        source = (ROOT / "pytest_prodstatus/model" / f"{module}.py").read_text(encoding="utf-8")
        if caught(module, source):
            sys.stdout.write(f"{module}: the tests fail without any change\n")
            return 1
    killed = same = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda mutant: caught(mutant[0], mutant[2]), todo)
        for (module, change, _), noticed in zip(todo, results, strict=True):
            known = not noticed and _without_line(f"{module}:{change}") in SAME
            killed, same = killed + noticed, same + known
            if not noticed:
                word = "same    " if known else "SURVIVED"
                sys.stdout.write(f"{word} {module}:{change}\n")
                sys.stdout.flush()
    survived = len(todo) - killed - same
    totals = f"{len(todo)} mutants, {killed} caught, {same} the same in effect, {survived} survived"
    sys.stdout.write(f"{totals}\n")
    return 1 if survived else 0


def _without_line(mutant: str) -> str:
    module, _, rest = mutant.partition(":")
    return f"{module}:{rest.partition(': ')[2]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), metavar="MODULE")
    sys.exit(main(parser.parse_args().modules))
