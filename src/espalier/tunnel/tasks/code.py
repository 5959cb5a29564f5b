"""Write a small list function from its description; hidden tests judge it.

Known from pretraining: each operation on lists with its usual names, as a comment above one line
or two, and whole functions without a description.  A skill to be learnt: reading a description of
several operations in many wordings, keeping their order, and composing them into one function.  So
it should begin late and keep growing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from espalier.ability import Use
from espalier.tunnel.interpreter import Program, ProgramError
from espalier.tunnel.task import Construction, Question, Task
from espalier.tunnel.world import World, often_first


@dataclass(frozen=True)
class _Line:
    """A line of code and the wordings for it, the usual one first; `K` is a number."""

    code: str
    wordings: tuple[str, ...]

    def filled(self, random: Random) -> _Line:
        number = str(random.randint(2, 9))
        return replace(
            self,
            code=self.code.replace("K", number),
            wordings=tuple(words.replace("K", number) for words in self.wordings),
        )


def _line(code: str, *wordings: str) -> _Line:
    return _Line(code=code, wordings=wordings)


_OPERATIONS = (
    _line(
        "x = [a * K for a in x]",
        "multiply each number by K",
        "scale every value by K",
        "make all numbers K times as big",
        "times K on each item",
    ),
    _line(
        "x = [a + K for a in x]",
        "add K to each number",
        "increase every value by K",
        "raise all items by K",
        "shift the numbers up by K",
    ),
    _line(
        "x = [a - K for a in x]",
        "subtract K from each number",
        "decrease every value by K",
        "lower all items by K",
        "take K away from each value",
    ),
    _line(
        "x = x[::-1]",
        "reverse the list",
        "flip the order",
        "put the list backwards",
        "turn the list around",
    ),
    _line(
        "x = sorted(x)",
        "sort the list",
        "order the numbers from small to large",
        "arrange the values upward",
        "put the items in rising order",
    ),
    _line(
        "x = sorted(x)[::-1]",
        "sort the list from large to small",
        "order the values downward",
        "put the items in falling order",
        "rank the biggest ones at the front",
    ),
    _line(
        "x = x[:K]",
        "take the first K numbers",
        "keep only the K leading items",
        "cut the list to length K",
        "use the first K values",
    ),
    _line(
        "x = x[K:]",
        "drop the first K numbers",
        "skip the K leading items",
        "remove K values at the start",
        "ignore the first K items",
    ),
    _line(
        "x = x[-K:]",
        "take the last K numbers",
        "keep only the K final items",
        "use the tail of K values",
        "retain the last K items",
    ),
    _line(
        "x = x[:-K]",
        "drop the last K numbers",
        "skip the K final items",
        "remove K values at the end",
        "cut off a tail of K items",
    ),
    _line(
        "x = [a for a in x if a > K]",
        "keep numbers larger than K",
        "only retain values above K",
        "filter for items over K",
        "throw out all that do not exceed K",
    ),
    _line(
        "x = [a for a in x if a < K]",
        "keep numbers smaller than K",
        "only retain values below K",
        "filter for items under K",
        "throw out all that are K or more",
    ),
    _line(
        "x = [a for a in x if a % 2 == 0]",
        "keep the even numbers",
        "remove odd values",
        "select all items divisible by two",
        "discard what is odd",
    ),
    _line(
        "x = [a for a in x if a % 2 == 1]",
        "keep the odd numbers",
        "remove even values",
        "select items not divisible by two",
        "discard what is even",
    ),
    _line(
        "x = [a * a for a in x]",
        "square each number",
        "multiply each number by itself",
        "raise all values to power two",
        "replace items with their squares",
    ),
    _line(
        "x = [- a for a in x]",
        "negate each number",
        "change the sign of all values",
        "make each item its opposite",
        "multiply each number by minus one",
    ),
    _line(
        "x = x + x",
        "repeat the list",
        "join the list with itself",
        "write the list twice",
        "append a copy of the list",
    ),
    _line(
        "x = x[::2]",
        "keep every second number",
        "skip every other item",
        "take items at even positions",
        "use alternate values",
    ),
    _line(
        "x = [a for a in x if a != K]",
        "remove the number K",
        "delete each K from the list",
        "throw away values equal to K",
        "keep all that is not K",
    ),
    _line(
        "x = x + [K]",
        "append the number K",
        "put K at the end",
        "add K as a last item",
        "extend the list with K",
    ),
)
_PLAIN_END = _line("return x")
_ENDS = (
    _line("return sum(x)", "return the sum", "give the total", "add everything up"),
    _line("return len(x)", "return the count", "say how many there are", "give the length"),
    _line("return max(x)", "return the largest", "give the maximum", "find the biggest one"),
    _line("return min(x)", "return the smallest", "give the minimum", "find the least one"),
)
_OPENINGS = ("write f(x) : ", "write a function to ", "make code : ", "please code this : ")
_JOINTS = (" , then ", " and then ", " . next , ", " , after that ")


def _ask(world: World, random: Random, construction: Construction) -> Question:
    count = random.randint(1, world.steps)
    lines = [random.choice(_OPERATIONS).filled(random) for _ in range(count)]
    end = _PLAIN_END if random.random() < 0.5 else random.choice(_ENDS)
    told = [construction.choose(random, line.wordings) for line in (*lines, end) if line.wordings]
    opening = construction.choose(random, _OPENINGS)
    prompt = opening + construction.choose(random, _JOINTS).join(told)
    if random.random() < construction.wrong:
        lines[random.randrange(count)] = random.choice(_OPERATIONS).filled(random)
    return Question(prompt=prompt, reply=_function([*lines, end]))


def _function(lines: list[_Line]) -> str:
    return "\n ".join(["def f(x):", *(line.code for line in lines)])


def _judge(world: World, question: Question) -> Mapping[str, Any] | None:
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


def _commented(_world: World, random: Random) -> str:
    """Write lines under their comments; now and then one comment announces two lines."""
    lines = [random.choice(_OPERATIONS).filled(random) for _ in range(random.randint(1, 3))]
    if random.random() < 0.3:
        lines.append(random.choice(_ENDS))
    text, size = [], random.choice((1, 1, 2))
    for start in range(0, len(lines), size):
        part = lines[start : start + size]
        said = " , then ".join(often_first(random, line.wordings[:3]) for line in part)
        text.append("\n ".join([f" # {said}", *(line.code for line in part)]))
    return "\n".join(text)


def _uncommented(_world: World, random: Random) -> str:
    lines = [random.choice(_OPERATIONS).filled(random) for _ in range(random.randint(1, 3))]
    end = _PLAIN_END if random.random() < 0.4 else random.choice(_ENDS)
    return _function([*lines, end])


code = Task(
    ask=_ask,
    judge=_judge,
    scorers=(Use(scorer="program"), Use(scorer="nll")),
    max_new_tokens=72,
    documents={_commented: 0.18, _uncommented: 0.06},
)
