"""The interpreter gives what Python gives, and gives up on everything else with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espalier import tunnel
from espalier.tunnel.interpreter import Limits, Program, ProgramError

NUMBERS = st.lists(st.integers(-20, 20), max_size=12)

EXPRESSIONS = st.sampled_from(
    [
        "x",
        "x + x",
        "x * 2",
        "x[::-1]",
        "x[1:-2]",
        "x[::3]",
        "sorted(x)",
        "[a * 3 - 1 for a in x]",
        "[a for a in x if a % 2 == 0 if a != 4]",
        "[a // 3 for a in x if -5 < a <= 9]",
        "[len(x), 7]",
        "[- a for a in x]",
    ]
)
ENDS = st.sampled_from(
    ["x", "sum(x)", "len(x)", "max(x)", "min(x)", "x[0]", "x[-2]", "x == x", "sum(x) % len(x)"]
)

HOSTILE = {
    "a tower of powers": "def f(x):\n return 9**9**9",
    "a huge shift": "def f(x):\n return 1 << 10**9",
    "a huge literal": "def f(x):\n return " + "9" * 900,
    "a literal Python itself refuses": "def f(x):\n return " + "9" * 5_000,
    "squaring again and again": "def f(x):\n" + " x = [a * a for a in x]\n" * 30 + " return x",
    "doubling a list": "def f(x):\n" + " x = x + x\n" * 60 + " return x",
    "multiplying a list": "def f(x):\n return x * 10**9",
    "multiplying a list plainly": "def f(x):\n return x * 999999999",
    "multiplying from the left": "def f(x):\n return 999999999 * [1]",
    "loops in loops": "def f(x):\n x = x * 100\n"
    " return [sum([sum([c for c in x]) for b in x]) for a in x]",
    "nested lists": "def f(x):\n x = [x, x]\n return x",
    "deep brackets": "def f(x):\n return " + "[" * 300 + "]" * 300,
    "deep parentheses": "def f(x):\n return " + "(" * 190 + "x" + ")" * 190 + "+" + "-" * 400 + "1",
    "deep signs": "def f(x):\n return " + "-" * 900 + "1",
    "deep sums": "def f(x):\n return " + "+".join(["1"] * 400),
    "a long text": "def f(x):\n return x" + " " * 100_000,
    "an import": "import os\ndef f(x):\n return x",
    "an import inside": "def f(x):\n import os\n return x",
    "a dunder": "def f(x):\n return x.__class__.__mro__",
    "a method": "def f(x):\n x.append(1)\n return x",
    "eval": "def f(x):\n return eval('1')",
    "exec by another name": "def f(x):\n g = exec\n return g('1')",
    "open": "def f(x):\n return open('/etc/passwd')",
    "itself": "def f(x):\n return f(x)",
    "a lambda": "def f(x):\n return (lambda y: y)(x)",
    "a while loop": "def f(x):\n while 1: x = x\n return x",
    "a text": "def f(x):\n return 'text'",
    "a format": "def f(x):\n return f'{x:>999999999}'",
    "a fraction": "def f(x):\n return 1.5",
    "a fraction by division": "def f(x):\n return 1 / 3",
    "nothing given back": "def f(x):\n x = x",
    "an empty return": "def f(x):\n return",
    "no function": "x = 1",
    "two functions": "def f(x):\n return x\ndef g(x):\n return x",
    "a function in a function": "def f(x):\n def g(y):\n  return y\n return x",
    "two arguments": "def f(x, y):\n return x",
    "a default": "def f(x=9**9):\n return x",
    "many arguments": "def f(*x):\n return x",
    "an annotation": "def f(x: print(1)):\n return x",
    "a decorator": "@print\ndef f(x):\n return x",
    "async": "async def f(x):\n return x",
    "a generator": "def f(x):\n yield x",
    "a global": "def f(x):\n global y\n return x",
    "taking over a function": "def f(x):\n sum = x\n return sum",
    "taking over in a loop": "def f(x):\n return [1 for len in x]",
    "a function as a value": "def f(x):\n return sum",
    "two targets": "def f(x):\n x = y = x\n return x",
    "unpacking": "def f(x):\n [a, b] = x\n return a",
    "writing into a list": "def f(x):\n x[0] = 1\n return x",
    "a star": "def f(x):\n return [*x]",
    "a walrus": "def f(x):\n return [y := 1]",
    "an unknown name": "def f(x):\n return z",
    "a keyword": "def f(x):\n return sorted(x, reverse=1)",
    "a key": "def f(x):\n return max(x, key=len)",
    "no arguments": "def f(x):\n return sum()",
    "zero": "def f(x):\n return 1 % 0",
    "a step of zero": "def f(x):\n return x[::0]",
    "out of reach": "def f(x):\n return x[99]",
    "the largest of nothing": "def f(x):\n return max([])",
    "the sum of a number": "def f(x):\n return sum(3)",
    "a list plus a number": "def f(x):\n return x + 1",
    "the opposite of a list": "def f(x):\n return -x",
    "an order of unlike things": "def f(x):\n return x < 1",
    "no code": "",
    "a zero byte": "def f(x):\n return \0",
    "a lone surrogate": "def f(x):\n return \ud800",
    "no indentation": "def f(x):\nreturn x",
    "prose": "here is the function you asked for",
}


def python(source: str, value: list[int]) -> object:
    names: dict[str, object] = {}
    exec(source, names)  # the tests' own text, never a model's
    try:
        return names["f"](list(value))  # type: ignore[operator]
    except (ValueError, IndexError, ZeroDivisionError):
        return "failed"


@given(st.lists(EXPRESSIONS, max_size=4), ENDS, NUMBERS)
def test_a_program_gives_what_python_gives(lines: list[str], end: str, value: list[int]) -> None:
    source = "\n ".join(["def f(x):", *(f"x = {line}" for line in lines), f"return {end}"])
    before = list(value)
    try:
        found: object = Program(source).run(value)
    except ProgramError as error:
        found = "failed"
        assert str(error)
    assert found == python(source, value)
    assert value == before


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_hostile_or_wrong_is_refused_with_a_reason(source: str) -> None:
    with pytest.raises(ProgramError) as refused:
        Program(source).run([3, 1, 2])
    assert str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=200))
def test_no_text_brings_the_interpreter_down(text: str) -> None:
    for source in (text, f"def f(x):\n return {text}"):
        try:
            Program(source).run([1, 2])
        except ProgramError:
            continue


@settings(max_examples=200)
@given(st.integers(0, 199), st.data())
def test_no_damaged_program_brings_the_interpreter_down(row: int, data: st.DataObject) -> None:
    source = tunnel.rows("code", rows=200)[row][-1]["content"]
    at = data.draw(st.integers(0, len(source)))
    cut = data.draw(st.integers(0, 8))
    damaged = (
        source[:at] + data.draw(st.text("()[]:=+-*%<>!x1 \nadef", max_size=8)) + source[at + cut :]
    )
    try:
        Program(damaged).run([5, -2, 9])
    except ProgramError as error:
        assert str(error)


def test_a_run_ends_when_its_steps_are_spent() -> None:
    source = "def f(x):\n return [sum(x) for a in x]"
    assert Program(source).run(list(range(20))) == [190] * 20
    with pytest.raises(ProgramError, match="more than 100 steps"):
        Program(source, Limits(steps=100)).run(list(range(20)))


def test_each_run_of_a_program_has_its_own_steps() -> None:
    program = Program("def f(x):\n return sum([a for a in x])", Limits(steps=200))
    assert [program.run([1, 2, 3]) for _ in range(50)] == [6] * 50
