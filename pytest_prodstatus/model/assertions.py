"""Which assertions prove something: one that passed, and that can fail.

How many assertions of a criterion passed is counted while it runs (`pytest_prodstatus.assertions`).
Which of them can't fail is found here, in the syntax tree: a tuple, a constant, a comparison of a
thing with itself, `x or True`. What only a running program shows, such as `all()` of nothing, can't
be found here. Neither can a comparison with NaN, which is always false.
"""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from itertools import permutations
from typing import Any, TypeAlias

from msgspec import Struct

from pytest_prodstatus.model.outcome import NO_ASSERTION
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Kind, Reason

_QUOTE_LIMIT = 80
"""Characters of an assertion that a reason quotes."""

_OPERATORS: Mapping[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
# What most types answer if a thing is compared with itself. NaN answers otherwise, but even then
# the comparison says nothing about the system.
_TRUE_OF_ITSELF = (ast.Eq, ast.Is, ast.LtE, ast.GtE)
_FALSE_OF_ITSELF = (ast.NotEq, ast.IsNot, ast.Lt, ast.Gt)
_PLAIN = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.Tuple, ast.List,
    ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context,
)  # fmt: skip
"""Two expressions of these are the same thing if they look the same; two calls need not be."""

_NEW = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
"""Each of these makes a new object, which nothing else is."""
_OPPOSITES = (
    {ast.Is, ast.IsNot}, {ast.Eq, ast.NotEq}, {ast.In, ast.NotIn},
)  # fmt: skip
_BUILTINS = frozenset(name for name, value in vars(builtins).items() if callable(value))
"""Names that stand for a function or class in every file."""

_UNNAMED = ("__init__", "__enter__", "__exit__", "__call__")
"""Methods that run although no call names them."""

_COMPARES: Mapping[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq,
    "assertNotEqual": ast.NotEq,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
}
"""The methods of unittest that compare two things, and how."""


# gc=False: it holds texts, sets of texts and a Reason, so it can't be part of a reference cycle.
class FunctionSurvey(Struct, frozen=True, kw_only=True, gc=False):
    """What the source of one function says about its assertions.

    Attributes:
        vacuous: why its pass proves nothing, if one of its assertions is always true, or if it
            hides an earlier definition of its name.
        assertions: how many it has.
        names: all names in it.
        calls: the names of the functions and methods that it calls.
        name: its name.
        raises: it has a `raise` statement.
    """

    vacuous: Reason | None
    assertions: int
    names: frozenset[str]
    calls: frozenset[str]
    name: str = ""
    raises: bool = False

    @property
    def explains(self) -> bool:
        """Whether its own source shows why no assertion passed."""
        return bool(self.assertions) or "raise_for_status" in self.calls

    @property
    def reason(self) -> Reason:
        """Why it proves nothing, if none of its assertions passed."""
        text, remedy = NO_ASSERTION.text, NO_ASSERTION.remedy
        if self.assertions:
            text = "its assertion did not pass"
            if self.assertions > 1:
                text = f"none of its {self.assertions} assertions passed"
            text += ": not reached, or the failure was swallowed"
            remedy = "assert on the path that every run takes, and let a failure leave the test"
        elif "raise_for_status" in self.calls:
            text += ": raise_for_status() is not an assertion"
            remedy = "call answered(response) of pytest_prodstatus, or assert what the answer holds"
        elif "fail" in self.calls:
            text += ": pytest.fail() shows only what does not hold"
            remedy = "assert the condition, or name it: evidence.held('the order is paid', paid)"
        return Reason(text=text, kind=Kind.NO_ASSERTION, remedy=remedy)


class Survey(Struct, frozen=True, kw_only=True, gc=False):
    """What the source of a file says about its assertions.

    Attributes:
        asserts: it has an `assert` statement.
        functions: its functions by the line in which their code begins, decorators included.
    """

    asserts: bool = False
    functions: Mapping[int, FunctionSurvey] = {}

    def reached(self, calls: Iterable[str]) -> list[FunctionSurvey]:
        """Return the file's functions that calls by these names may run, directly or indirectly.

        Only names are compared, so a method of another class with the same name counts too.
        """
        found: dict[str, list[FunctionSurvey]] = {}
        todo = [*calls, *_UNNAMED]
        while todo:
            name = todo.pop()
            if name not in found:
                found[name] = [one for one in self.functions.values() if one.name == name]
                todo += [called for one in found[name] for called in one.calls]
        return [one for same in found.values() for one in same]


def survey(source: bytes) -> Survey:
    """Find the assertions in the source of a file; none if it isn't Python."""
    try:
        module = ast.parse(source)
    # ValueError: before Python 3.12, for a NUL byte. RecursionError: for deep nesting.
    except (SyntaxError, ValueError, RecursionError):
        return Survey()
    nodes = list(ast.walk(module))
    bound = set(_bound(nodes))
    constant = _functions(module.body) | (set() if "*" in bound else _BUILTINS - bound)
    hiding = _hiding(nodes)
    return Survey(
        asserts=any(isinstance(node, ast.Assert) for node in nodes),
        functions={
            # `lineno` is the line of `def`, but the first line of a code object is that of the
            # first decorator.
            min(
                [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
            ): _survey_function(node.name, list(ast.walk(node)), constant, hiding.get(node))
            for node in nodes
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        },
    )


_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_KEEPING = ("overload", "register", "getter", "setter", "deleter")
"""Decorators that keep what they decorate, so that the name may be used again."""


def _hiding(nodes: Iterable[ast.AST]) -> Mapping[ast.AST, Reason]:
    """Return why their passes prove nothing for functions that hide another one of their name.

    Both stand in the same body, which says the name nowhere between. Below an `if` or a `try`, one
    of two definitions is what is meant.
    """
    found: dict[ast.AST, Reason] = {}
    for node in nodes:
        if not isinstance(node, (ast.Module, _Definition)):
            continue
        former: dict[str, _Definition] = {}
        for statement in node.body:
            for name in _said_by(statement):
                former.pop(name, None)
            if not isinstance(statement, _Definition):
                continue
            earlier = former.get(statement.name)
            if earlier is not None:
                found |= dict.fromkeys(ast.walk(statement), _hides(earlier))
            if not any(_name_of(one) in _KEEPING for one in statement.decorator_list):
                former[statement.name] = statement
    return found


def _said_by(statement: ast.stmt) -> Iterator[str]:
    """Yield the names in a statement that are evaluated where it stands."""
    parts: list[ast.AST] = [statement]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        parts = [*statement.decorator_list, statement.args]
    for part in parts:
        yield from (node.id for node in ast.walk(part) if isinstance(node, ast.Name))


def _hides(earlier: _Definition) -> Reason:
    """Return why the pass of what has the name of an earlier definition proves nothing."""
    text = f"another {earlier.name} in line {earlier.lineno} of its file never runs, since this one"
    text += " has its name"
    return Reason(
        text=text, kind=Kind.PROVES_NOTHING, remedy="give each its own name, or delete one"
    )


def _name_of(node: ast.expr) -> str:
    """Return the last name of what is called, or of a decorator; "" if it has none."""
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _survey_function(
    name: str, nodes: Sequence[ast.AST], functions: Set[str], hides: Reason | None
) -> FunctionSurvey:
    """Find the assertions, names and calls of one function.

    Args:
        name: the function's name.
        nodes: the nodes of its syntax tree, with itself as the first.
        functions: names of plain functions and classes of its file, and of Python's own. Such a
            name alone, as in `assert is_paid`, is always true.
        hides: why it proves nothing, if it hides an earlier definition.
    """
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    # An argument or a variable of that name is something else.
    own = {node.arg for node in nodes if isinstance(node, ast.arg)} | {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    constant = frozenset((functions | _functions(nodes[1:])) - own)
    assertions = sorted(_assertions(nodes), key=lambda pair: pair[0])
    vacuous = (_vacuous(*pair) for pair in assertions if always_true(pair[1], constant))
    return FunctionSurvey(
        vacuous=next(vacuous, hides),
        assertions=len(assertions),
        names=frozenset(names),
        calls=frozenset(_name_of(node) for node in nodes if isinstance(node, ast.Call)),
        name=name,
        raises=any(isinstance(node, ast.Raise) for node in nodes),
    )


def _vacuous(line: int, test: ast.expr) -> Reason:
    """Return why a pass proves nothing if the condition in this line can't be false."""
    remedy = "assert something that was observed and can be false"
    if isinstance(test, ast.Tuple):
        remedy = "remove the parentheses, which make the condition and its message one tuple"
    problem = "is always true"
    if _is_of_itself(test):
        problem = "compares a thing with itself"
        remedy = "compare it with what is expected, or with an equal value that was made apart"
    # Conditions that `_condition_of` makes up have no positions yet, which `unparse` needs.
    source = one_line(ast.unparse(ast.fix_missing_locations(test)), limit=_QUOTE_LIMIT)
    return Reason(
        text=f"its assertion in line {line} {problem}: {source}",
        kind=Kind.PROVES_NOTHING,
        remedy=remedy,
    )


def _is_of_itself(test: ast.expr) -> bool:
    """Return whether a condition compares a thing with itself.

    Constants are left out: `1 == 1` is called always true instead.
    """
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_of_itself(operand)
        case ast.Compare(left=left, ops=[_], comparators=[right]):
            return not _literal(left) and ast.dump(left) == ast.dump(right)
        case _:
            return False


def _assertions(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, ast.expr]]:
    """Yield line and condition of each assertion.

    These are `assert` statements, unittest's, `held`, and `eventually`.
    """
    for node in nodes:
        if isinstance(node, ast.Assert):
            yield node.lineno, node.test
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            test = _eventual_condition(node) if node.func.id == "eventually" else None
            if test is not None:
                yield node.lineno, test
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            test = _condition_of(node.func.attr, node.args)
            if test is not None:
                yield node.lineno, test


@lru_cache(maxsize=1024)
def always_true_text(source: str) -> bool:
    """Return whether the condition of an assertion can't be false, from its source text alone."""
    try:
        # It may have more than one line, which only parentheses allow.
        tree = ast.parse(f"({source}\n)", mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return False
    return always_true(tree.body)


def always_true(node: ast.expr, functions: frozenset[str] = frozenset()) -> bool:
    """Return whether a condition can't be false.

    Args:
        node: the condition.
        functions: the names that stand for a function or class.
    """
    match node:
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            # `[*rows]` may be empty, and is then false.
            return any(not isinstance(item, ast.Starred) for item in items)
        case ast.Dict(keys=keys):
            # The key of `**more` is None.
            return any(key is not None for key in keys)
        case ast.Lambda() | ast.GeneratorExp():
            return True
        case ast.JoinedStr(values=parts):
            # An f-string is never empty if any text stands beside its fields.
            return any(isinstance(part, ast.Constant) and bool(part.value) for part in parts)
        case ast.Name(id=name):
            return name in functions
        case ast.NamedExpr(value=value):
            return always_true(value, functions)
        case ast.IfExp(test=test, body=body, orelse=other):
            left_out = always_true(test, functions), _always_false(test)
            return (left_out[1] or always_true(body, functions)) and (
                left_out[0] or always_true(other, functions)
            )
        case ast.BoolOp(op=ast.Or(), values=values):
            if any(_is_opposite(*pair) for pair in permutations(values, 2)):
                return True
            return any(always_true(value, functions) for value in values)
        case ast.BoolOp(values=values):
            return all(always_true(value, functions) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _always_false(operand)
        case ast.Compare(left=left, ops=ops, comparators=others):
            # `a < b < c` has two operators: each compares an operand with the next one.
            pairs = zip([left, *others], ops, others, strict=False)
            return all(_compared(*pair) is True for pair in pairs)
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Call(func=ast.Name(id="bool"), args=[value]):
            return always_true(value, functions)
        case ast.Call(
            func=ast.Name(id="all" | "any" as name),
            args=[(ast.List() | ast.Tuple() | ast.Set()) as display],
        ):
            true = [always_true(item, functions) for item in display.elts]
            return all(true) if name == "all" else any(true)
        case ast.Constant(value=value):
            return bool(value)
        case _:
            return False


def _always_false(node: ast.expr) -> bool:
    """Return whether a condition can't be true, so that its negation can't be false."""
    match node:
        case ast.Tuple(elts=[]) | ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.BoolOp(op=ast.And(), values=values):
            return any(map(_always_false, values))
        case ast.BoolOp(values=values):
            return all(map(_always_false, values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return always_true(operand)
        case ast.Compare(left=left, ops=ops, comparators=others):
            pairs = zip([left, *others], ops, others, strict=False)
            return any(_compared(*pair) is False for pair in pairs)
        case ast.Constant(value=value):
            return not value
        case _:
            return False


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    """Return what a comparison always gives; None if that depends on what is compared."""
    by_identity = isinstance(op, (ast.Is, ast.IsNot))
    if by_identity and (isinstance(left, _NEW) or isinstance(right, _NEW)):
        return isinstance(op, ast.IsNot)
    by_item = isinstance(op, (ast.In, ast.NotIn)) and _is_plain(left)
    parts = right.elts if isinstance(right, (ast.List, ast.Tuple, ast.Set)) else ()
    if by_item and ast.dump(left) in map(ast.dump, parts):
        return isinstance(op, ast.In)
    if _is_plain(left) and ast.dump(left) == ast.dump(right):
        if isinstance(op, _TRUE_OF_ITSELF):
            return True
        return False if isinstance(op, _FALSE_OF_ITSELF) else None
    # A length is never negative: `len(x) >= 0` and `len(x) > -1` hold for everything.
    if _is_length(left) and isinstance(op, (ast.GtE, ast.Gt)):
        least = 0 if isinstance(op, ast.GtE) else -1
        return True if _literal(right) == (least,) else None
    if _is_length(right) and isinstance(op, (ast.LtE, ast.Lt)):
        least = 0 if isinstance(op, ast.LtE) else -1
        return True if _literal(left) == (least,) else None
    first, second = _literal(left), _literal(right)
    if not first or not second:
        return None
    try:
        return bool(_OPERATORS[type(op)](first[0], second[0]))
    except (TypeError, ValueError):
        return None  # it raises, so the criterion doesn't pass


def _is_opposite(one: ast.expr, other: ast.expr) -> bool:
    """Return whether a condition holds if and only if another one doesn't, by its form."""
    match one, other:
        case ast.UnaryOp(op=ast.Not(), operand=operand), _:
            return _is_plain(operand) and ast.dump(operand) == ast.dump(other)
        case (
            ast.Compare(left=left, ops=[op], comparators=[right]),
            ast.Compare(left=second, ops=[negated], comparators=[same]),
        ):
            plain = _is_plain(left) and _is_plain(right)
            equal = ast.dump(left) == ast.dump(second) and ast.dump(right) == ast.dump(same)
            return plain and equal and {type(op), type(negated)} in _OPPOSITES
        case _:
            return False


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield every name that a file binds to something; "*" if only a running program shows."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name


def _literal(node: ast.expr) -> tuple[object] | tuple[()]:
    """Return the value of an expression of constants, in a tuple; () if it has other parts.

    The tuple tells the constant None from no constant.
    """
    # All that it may raise: https://docs.python.org/3/library/ast.html#ast.literal_eval
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()


def _is_plain(node: ast.expr) -> bool:
    return all(isinstance(part, _PLAIN) for part in ast.walk(node))


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"


def _condition_of(name: str, args: list[ast.expr]) -> ast.expr | None:
    """Return the condition that a method's call asserts; None if it is neither unittest's nor held.

    `held` with a single argument is a `with` block, which has no condition.
    """
    match name, args:
        case "assertTrue", [test, *_]:
            return test
        case "assertFalse", [test, *_]:
            return ast.UnaryOp(op=ast.Not(), operand=test)
        case "assertIsNotNone", [test, *_]:
            return ast.Compare(left=test, ops=[ast.IsNot()], comparators=[ast.Constant(None)])
        case "assertIsNone", [test, *_]:
            return ast.Compare(left=test, ops=[ast.Is()], comparators=[ast.Constant(None)])
        case "held", [_, test]:
            return test
        case _, [left, right, *_] if name in _COMPARES:
            return ast.Compare(left=left, ops=[_COMPARES[name]()], comparators=[right])
        case _:
            return None


def _eventual_condition(call: ast.Call) -> ast.expr | None:
    """Return the condition that a call of `eventually` asserts: its `until`, else its probe.

    If that is no lambda, its source isn't known here, and the call itself is returned; None if the
    call asserts nothing.
    """
    words = {word.arg: word.value for word in call.keywords}
    # With otherwise="last", the test gets the last value and judges it by itself.
    if isinstance(otherwise := words.get("otherwise"), ast.Constant) and otherwise.value == "last":
        return None
    function = words.get("until") or next(iter(call.args), None)
    return function.body if isinstance(function, ast.Lambda) else call


def _functions(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names of plain functions and classes; a decorator may make anything of one."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in nodes if isinstance(node, kinds) and not node.decorator_list}
