"""Code by its tests: what a reply's program is, and how often it is right."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import comb
from textwrap import indent

import pytest

from espalier.ability import Item, Reply, Use
from espalier.errors import DataError, MissingError, SpecError
from espalier.sandbox import sandboxes
from espalier.scorers._program import preamble, program
from espalier.scoring import grade, grade_all, make_scorer

PROMPT = '''from typing import List


def helper(x):
    return x * 2


def double(xs: List[int]) -> List[int]:
    """Double every number."""
'''
BODY = "    return [helper(x) for x in xs]\n"
WHOLE = "def double(xs: List[int]) -> List[int]:\n    return [helper(x) for x in xs]\n"

REPLIES = {
    "a completion": BODY,
    "a completion that has lost its indent": BODY.strip(),
    "a completion of several lines that has lost its first indent": (
        "made = []\n    for x in xs:\n        made.append(helper(x))\n    return made"
    ),
    "a completion that has lost all its indent": "made = [helper(x) for x in xs]\nreturn made",
    "a completion with prose behind it": BODY + "\nThis doubles every number, as asked.\n",
    "a whole function": WHOLE,
    "a whole function with prose around it": f"Sure! Here it is:\n\n{WHOLE}\nI hope this helps.",
    "a fenced function": f"Sure!\n\n```python\n{WHOLE}```\nIt uses helper.",
    "a fence that never ends": f"```python\n{WHOLE}",
    "a fence without a language": f"```\n{WHOLE}```",
    "a fenced body": f"```python\n{BODY}```",
    "helpers and function in two fences": (
        f"```python\ndef helper(x):\n    return x + x\n```\nand\n```python\n{WHOLE}```\n"
        "For example:\n```python\nprint(double([1]))\nraise SystemExit\n```"
    ),
    "another language first": f"```bash\nls\n```\n```python\n{WHOLE}```",
    "carriage returns": WHOLE.replace("\n", "\r\n"),
    "a main block": f'{WHOLE}\nif __name__ == "__main__":\n    print(double([1]))\n',
    "a fence that ends behind the code": f"```python\n{WHOLE.strip()}```",
    "a fence in a list": "1. So:\n\n   ```python\n" + indent(WHOLE, "   ") + "   ```\n2. Done",
    "a fence within a string": (
        '```python\ndef double(xs):\n    """\n    ```\n    double([1])\n    ```\n    """\n'
        "    return [2 * x for x in xs]\n```"
    ),
    "an example first": f"```python\n>>> double([1])\n[2]\n```\n```python\n{WHOLE}```",
    "a call first": f"```python\nprint(double([1]))\n```\n```python\n{WHOLE}```",
    "another sort of fence": f"~~~py\n{WHOLE}~~~",
    "a constant before it": (
        "So:\n\nTWO = 2\n\ndef double(xs):\n    return [x * TWO for x in xs]\n\nDone."
    ),
    "a name that is assigned": "```python\ndouble: object = lambda xs: [x * 2 for x in xs]\n```",
    "marks of a few-shot prompt": f"[BEGIN]\n{WHOLE}[DONE]",
    "asserts of its own behind it": (
        f"{WHOLE}\n# Test\nprint(double([1]))\nassert double([1]) == [3]"
    ),
    "a completion with asserts of its own": f"{BODY}\nassert double([1]) == [3]\n",
    "the prompt again": f"{PROMPT}{BODY}",
    "Chinese around it": f"代码如下：\n```python\n{WHOLE}```\n希望有帮助。",
    "an own import": f"```python\nfrom typing import List\n\n{WHOLE}```",
}


@pytest.mark.parametrize("name", REPLIES)
def test_the_program_in_a_reply_is_found(name: str) -> None:
    made = program(REPLIES[name], prompt=PROMPT, name="double")
    space: dict[str, object] = {"__name__": "candidate"}
    exec(compile(ast.parse(made), "reply", "exec"), space)
    assert space["double"]([1, 2]) == [2, 4]  # type: ignore[operator]


@pytest.mark.parametrize("reply", ["", "I cannot do that.", "```python\n```", "def double(", "\0"])
def test_a_reply_without_a_program_is_graded_and_wrong(reply: str) -> None:
    assert isinstance(program(reply, prompt=PROMPT, name="double"), str)
    assert isinstance(program(reply), str)


def test_the_preamble_is_what_stands_before_the_function() -> None:
    assert preamble(PROMPT, "double").strip().endswith("return x * 2")
    assert preamble(PROMPT, "nowhere") == ""


def item(**facts: object) -> Item:
    given = {"prompt": PROMPT, "entry_point": "double", "tests": "assert double([3]) == [6]"}
    return Item(id="1", prompt="?", target=WHOLE, facts=given | facts)


@pytest.fixture
def here() -> Iterator[str]:
    try:
        sandboxes["bubblewrap"].check()
    except MissingError as error:
        pytest.skip(str(error))
    yield "bubblewrap"


WRONG = "def double(xs):\n    return xs"


@pytest.mark.xdist_group("sandbox")
def test_right_and_wrong_replies_are_told_apart(here: str) -> None:
    scorer = make_scorer(Use(scorer="code"))
    rows = list(
        grade_all([item(), item(), item()], [Reply(text=WHOLE), Reply(text=WRONG), Reply()], scorer)
    )
    assert [row["score"] for row in rows] == [1.0, 0.0, None]
    assert "AssertionError" in rows[1]["reason"]
    assert "def double" in rows[0]["extracted"]


@pytest.mark.xdist_group("sandbox")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_pass_at_k_is_unbiased(here: str, k: int) -> None:
    reply = Reply(text=WHOLE, more=(WRONG, WHOLE, WRONG, WRONG))
    row = grade(item(), reply, make_scorer(Use(scorer="code", options={"k": k})))
    subsets = comb(5, k)  # the mean over all subsets of k replies
    assert row["score"] == pytest.approx(1 - comb(3, k) / subsets)
    assert row["reason"].startswith("2 pass; ")


@pytest.mark.xdist_group("sandbox")
def test_fewer_replies_than_k_are_unscored(here: str) -> None:
    row = grade(item(), Reply(text=WHOLE), make_scorer(Use(scorer="code", options={"k": 2})))
    assert row["score"] is None
    assert row["reason"] == "pass@2 of 1 replies cannot be told"


def test_bad_options_and_items_are_one_line() -> None:
    with pytest.raises(SpecError, match="sandbox: no 'jail'; there are bubblewrap, dangerously"):
        make_scorer(Use(scorer="code", options={"sandbox": "jail"}))
    with pytest.raises(SpecError, match="k"):
        make_scorer(Use(scorer="code", options={"k": 0}))
    bare = Item(id="x", prompt="?", target="y")
    with pytest.raises(DataError, match="item x has no tests"):
        grade(bare, Reply(text="z"), make_scorer(Use(scorer="code")))
