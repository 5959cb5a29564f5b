"""List functions, their lines and how these are told: shared by `code` and `code_ood`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from espalier.tunnel.interpreter import Program, ProgramError
from espalier.tunnel.task import Question
from espalier.tunnel.world import World


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code and the wordings for it, the usual one first; `K` is a number."""

    code: str
    wordings: tuple[str, ...] = ()
    elsewhere: str = ""
    """A wording that the raw text has and no training row: what `code_ood` asks in."""


def _line(code: str, *wordings: str, elsewhere: str = "") -> Line:
    return Line(code, wordings, elsewhere)


def drawn(random: Random, among: Sequence[Line]) -> tuple[Line, int]:
    """Draw a line and the number for its `K`."""
    return random.choice(among), random.randint(2, 9)


def put(text: str, number: int | str) -> str:
    """Return a code or wording with its number, which may be written as a word."""
    return text.replace("K", str(number))


OPERATIONS = (
    _line(
        "x = [a * K for a in x]",
        "multiply each number by K",
        "scale every value by K",
        "make all numbers K times as big",
        "times K on each item",
        elsewhere="have the numbers grow K fold",
    ),
    _line(
        "x = [a + K for a in x]",
        "add K to each number",
        "increase every value by K",
        "raise all items by K",
        "shift the numbers up by K",
        elsewhere="give every entry K more",
    ),
    _line(
        "x = [a - K for a in x]",
        "subtract K from each number",
        "decrease every value by K",
        "lower all items by K",
        "take K away from each value",
        elsewhere="give every entry K less",
    ),
    _line(
        "x = x[::-1]",
        "reverse the list",
        "flip the order",
        "put the list backwards",
        "turn the list around",
        elsewhere="mirror the list",
    ),
    _line(
        "x = sorted(x)",
        "sort the list",
        "order the numbers from small to large",
        "arrange the values upward",
        "put the items in rising order",
        elsewhere="bring the entries into order",
    ),
    _line(
        "x = sorted(x)[::-1]",
        "sort the list from large to small",
        "order the values downward",
        "put the items in falling order",
        "rank the biggest ones at the front",
        elsewhere="bring the entries into order , top first",
    ),
    _line(
        "x = x[:K]",
        "take the first K numbers",
        "keep only the K leading items",
        "cut the list to length K",
        "use the first K values",
        elsewhere="stay with the opening K entries",
    ),
    _line(
        "x = x[K:]",
        "drop the first K numbers",
        "skip the K leading items",
        "remove K values at the start",
        "ignore the first K items",
        elsewhere="leave out the opening K entries",
    ),
    _line(
        "x = x[-K:]",
        "take the last K numbers",
        "keep only the K final items",
        "use the tail of K values",
        "retain the last K items",
        elsewhere="stay with the closing K entries",
    ),
    _line(
        "x = x[:-K]",
        "drop the last K numbers",
        "skip the K final items",
        "remove K values at the end",
        "cut off a tail of K items",
        elsewhere="leave out the closing K entries",
    ),
    _line(
        "x = [a for a in x if a > K]",
        "keep numbers larger than K",
        "only retain values above K",
        "filter for items over K",
        "throw out all that do not exceed K",
        elsewhere="let only entries beyond K pass",
    ),
    _line(
        "x = [a for a in x if a < K]",
        "keep numbers smaller than K",
        "only retain values below K",
        "filter for items under K",
        "throw out all that are K or more",
        elsewhere="let only entries short of K pass",
    ),
    _line(
        "x = [a for a in x if a % 2 == 0]",
        "keep the even numbers",
        "remove odd values",
        "select all items divisible by two",
        "discard what is odd",
        elsewhere="let only even entries pass",
    ),
    _line(
        "x = [a for a in x if a % 2 == 1]",
        "keep the odd numbers",
        "remove even values",
        "select items not divisible by two",
        "discard what is even",
        elsewhere="let only odd entries pass",
    ),
    _line(
        "x = [a * a for a in x]",
        "square each number",
        "multiply each number by itself",
        "raise all values to power two",
        "replace items with their squares",
        elsewhere="make squares of the entries",
    ),
    _line(
        "x = [- a for a in x]",
        "negate each number",
        "change the sign of all values",
        "make each item its opposite",
        "multiply each number by minus one",
        elsewhere="turn plus into minus and back",
    ),
    _line(
        "x = x + x",
        "repeat the list",
        "join the list with itself",
        "write the list twice",
        "append a copy of the list",
        elsewhere="have the entries twice in a row",
    ),
    _line(
        "x = x[::2]",
        "keep every second number",
        "skip every other item",
        "take items at even positions",
        "use alternate values",
        elsewhere="leave out each second entry",
    ),
    _line(
        "x = [a for a in x if a != K]",
        "remove the number K",
        "delete each K from the list",
        "throw away values equal to K",
        "keep all that is not K",
        elsewhere="let all but K pass",
    ),
    _line(
        "x = x + [K]",
        "append the number K",
        "put K at the end",
        "add K as a last item",
        "extend the list with K",
        elsewhere="close the list with K",
    ),
)
PLAIN_END = _line("return x")
ENDS = (
    _line("return sum(x)", "return the sum", "give the total", "add everything up"),
    _line("return len(x)", "return the count", "say how many there are", "give the length"),
    _line("return max(x)", "return the largest", "give the maximum", "find the biggest one"),
    _line("return min(x)", "return the smallest", "give the minimum", "find the least one"),
)


def function(lines: Sequence[str]) -> str:
    """Return the function of these lines."""
    return "\n ".join(["def f(x):", *lines])


def judge(world: World, question: Question) -> Mapping[str, Any] | None:
    """Return the hidden tests; None where they could not tell the program from a constant."""
    program = Program(question.reply)
    try:
        tests = [{"input": given, "output": program.run(given)} for given in _inputs(world)]
    except ProgramError:  # the largest of an empty list, say
        return None
    constant = all(test["output"] == tests[0]["output"] for test in tests)
    return None if constant else {"tests": tests}


def _inputs(world: World) -> Iterator[list[int]]:
    for index in range(8):
        random = world.random("inputs", index)
        yield [random.randint(-3, 14) for _ in range(random.randint(6, 12))]
