"""A small interpreter for list functions that a model wrote.

Model text is never handed to Python: it is parsed, checked against a whitelist of syntax, and
walked here.  The only values are whole numbers and flat lists of them, every number, list and
program has a largest size, and every node costs a step, so a program ends soon whatever it says.
Whatever goes wrong is a `ProgramError` with its reason.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Value = int | list[int]
Names = Mapping[str, Value]


class ProgramError(Exception):
    """The program is not one of ours, broke a limit, or failed while running."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a program may take."""

    characters: int = 1_000
    depth: int = 24
    """Levels of nested syntax."""
    steps: int = 10_000
    """Nodes visited and list entries touched in one run."""
    entries: int = 1_000
    """Length of a list."""
    number: int = 2**63
    """No number is farther from zero."""


_SYNTAX: tuple[type[ast.AST], ...] = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.Return),
    *(ast.Name, ast.Load, ast.Store, ast.Constant, ast.List, ast.ListComp, ast.comprehension),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.UnaryOp, ast.USub),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    *(ast.Subscript, ast.Slice, ast.Call),
)
_OPERATIONS: Mapping[type[ast.AST], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[[list[int]], Value]] = {
    "sum": sum,
    "len": len,
    "max": max,
    "min": min,
    "sorted": sorted,
}


class Program:
    """A checked function of one argument, ready to be run on lists."""

    def __init__(self, source: str, limits: Limits | None = None) -> None:
        """Parse and check `source`; raises `ProgramError` unless it is one small plain function."""
        self._limits = limits or Limits()
        tree = _parse(source, self._limits)
        _check(tree, self._limits)
        match tree.body:
            case [ast.FunctionDef() as function]:
                self._argument = _only_argument(function)
                self._body = function.body
            case _:
                raise ProgramError("it is not one function and nothing else")

    def run(self, value: Sequence[int]) -> Value:
        """Return what the function gives for the list `value`, which is left as it is."""
        run = _Run(self._limits)
        try:
            return run.body(self._body, {self._argument: run.sized(list(value))})
        except (TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
            raise ProgramError(f"it failed: {error}") from None


def _parse(source: str, limits: Limits) -> ast.Module:
    if len(source) > limits.characters:
        raise ProgramError(f"it is longer than {limits.characters:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the text is a model's; its style is not our concern
            return ast.parse(source)
    except SyntaxError as error:
        raise ProgramError(f"it is not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ProgramError("it is not Python: it cannot be parsed") from None


def _check(tree: ast.Module, limits: Limits) -> None:
    """Refuse syntax outside the whitelist.  Level by level, so that depth costs no recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(limits.depth):
        for node in level:
            _check_node(node)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ProgramError(f"it is nested deeper than {limits.depth} levels")


def _check_node(node: ast.AST) -> None:
    if not isinstance(node, _SYNTAX):
        raise ProgramError(f"{type(node).__name__} is not allowed")
    match node:
        case ast.Constant(value=value) if type(value) is not int:
            raise ProgramError(f"a {type(value).__name__} is not allowed; only whole numbers are")
        case ast.Call(func=ast.Name(id=name), args=[_], keywords=[]) if name in _FUNCTIONS:
            pass
        case ast.Call():
            raise ProgramError(f"only {', '.join(_FUNCTIONS)} of one list may be called")
        case ast.Assign(targets=[ast.Name()]) | ast.comprehension(target=ast.Name(), is_async=0):
            pass
        case ast.Assign() | ast.comprehension():
            raise ProgramError("only a plain name may be assigned")
        case ast.Name(id=name, ctx=ast.Store()) if name in _FUNCTIONS:
            raise ProgramError(f"'{name}' may not be assigned")
        case ast.ListComp(generators=[_, _, *_]):
            raise ProgramError("a comprehension may have one loop only")


def _only_argument(function: ast.FunctionDef) -> str:
    match function.args:
        case ast.arguments(
            posonlyargs=[],
            args=[ast.arg(arg=name, annotation=None)],
            vararg=None,
            kwonlyargs=[],
            kwarg=None,
            defaults=[],
        ) if not function.decorator_list and function.returns is None:
            return name
    raise ProgramError("the function must have one plain argument")


class _Run:
    """One run of a program: it counts what is spent."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.steps

    def body(self, statements: Sequence[ast.stmt], names: Names) -> Value:
        for statement in statements:
            match statement:
                case ast.Return(value=ast.expr() as value):
                    return self.value(value, names)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    names = {**names, name: self.value(value, names)}
                case _:
                    raise ProgramError(f"{type(statement).__name__} is not allowed here")
        raise ProgramError("it returns nothing")

    def value(self, node: ast.expr, names: Names) -> Value:
        self._spend(1)
        return self.sized(self._value(node, names))

    def sized(self, value: Value) -> Value:
        """Return `value` if it is within the limits; touching a list costs its length."""
        if not isinstance(value, list):
            if abs(value) > self._limits.number:
                raise ProgramError("a number is too large")
            return value
        self._spend(len(value))
        if len(value) > self._limits.entries:
            raise ProgramError(f"a list is longer than {self._limits.entries:,}")
        return value

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise ProgramError(f"it takes more than {self._limits.steps:,} steps")

    def _value(self, node: ast.expr, names: Names) -> Value:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                if name not in names:
                    raise ProgramError(f"no value is called '{name}'")
                return names[name]
            case ast.List(elts=entries):
                return [self._number(entry, names) for entry in entries]
            case ast.ListComp(elt=entry, generators=[loop]):
                return list(self._entries(entry, loop, names))
            case ast.UnaryOp(operand=operand):
                return -self._number(operand, names)
            case ast.BinOp(left=left, op=sign, right=right):
                return self._operate(sign, self.value(left, names), self.value(right, names))
            case ast.Compare():
                return self._compare(node, names)
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                return _FUNCTIONS[name](self._list(argument, names))
            case ast.Subscript(value=whole, slice=ast.Slice() as part):
                return self._list(whole, names)[self._slice(part, names)]
            case ast.Subscript(value=whole, slice=place):
                return self._list(whole, names)[self._number(place, names)]
        raise ProgramError(f"{type(node).__name__} is not allowed here")

    def _number(self, node: ast.expr, names: Names) -> int:
        value = self.value(node, names)
        if isinstance(value, list):
            raise ProgramError("it needs a number where it has a list")
        return value

    def _list(self, node: ast.expr, names: Names) -> list[int]:
        value = self.value(node, names)
        if not isinstance(value, list):
            raise ProgramError("it needs a list where it has a number")
        return value

    def _slice(self, node: ast.Slice, names: Names) -> slice:
        ends = (node.lower, node.upper, node.step)
        return slice(*(None if end is None else self._number(end, names) for end in ends))

    def _entries(self, entry: ast.expr, loop: ast.comprehension, names: Names) -> Iterator[int]:
        match loop.target:
            case ast.Name(id=name):
                for number in self._list(loop.iter, names):
                    inner = {**names, name: number}
                    if all(self.value(condition, inner) for condition in loop.ifs):
                        yield self._number(entry, inner)

    def _operate(self, sign: ast.operator, left: Value, right: Value) -> Value:
        """Apply `sign`; a product with a list is measured before it is made."""
        if isinstance(sign, ast.Mult):
            lists = [side for side in (left, right) if isinstance(side, list)]
            times = [side for side in (left, right) if not isinstance(side, list)]
            if lists and times and len(lists[0]) * times[0] > self._limits.entries:
                raise ProgramError(f"a list is longer than {self._limits.entries:,}")
        return _OPERATIONS[type(sign)](left, right)

    def _compare(self, node: ast.Compare, names: Names) -> bool:
        left = self.value(node.left, names)
        for sign, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator, names)
            if not _OPERATIONS[type(sign)](left, right):
                return False
            left = right
        return True
