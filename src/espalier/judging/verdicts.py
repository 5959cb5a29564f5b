"""What a judge is told, and what its words mean: prompts, ratings, verdicts.

A prompt is a template in the form of FastChat's `judge_prompts.jsonl`.  Ratings are read as
FastChat reads them (Zheng et al. 2023), but one outside 1 to 10 is none; a reply that gives two
different verdicts gives none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from espalier.ability import Message
from espalier.errors import DataError, choices
from espalier.spec import Spec

Verdict = Literal["A", "B", "tie"]

LOWEST, HIGHEST = 1.0, 10.0

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]")
_BACKUP = re.compile(r"\[(\d+\.?\d*)\]")
_VERDICT = re.compile(r"\[\[([ABC])\]\]")
_FIELD = re.compile(r"\{(\w+)\}")


class Prompt(Spec):
    """A template for what a judge is told; {names} in it are filled in."""

    name: str
    system_prompt: str
    prompt_template: str


def filled(prompt: Prompt, values: Mapping[str, str]) -> tuple[Message, ...]:
    """Return the conversation that `prompt` makes of the values.

    Filled in once: what looks like a field inside a value stays as it is.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = choices(found[1], values)
            raise DataError(f"prompt {prompt.name}: nothing is called '{found[1]}'; {known}")
        return values[found[1]]

    user = Message(role="user", content=_FIELD.sub(value, prompt.prompt_template))
    system = prompt.system_prompt
    return (Message(role="system", content=system), user) if system.strip() else (user,)


def rating(reply: str) -> float | None:
    """Return the first `[[7]]` of a judge's reply, or else the first `[7]`; None without one.

    Reasoning in <think> is not part of the reply.
    """
    spoken = _THOUGHT.sub("", reply)
    found = _RATING.search(spoken) or _BACKUP.search(spoken)
    value = float(found[1]) if found else 0.0
    return value if LOWEST <= value <= HIGHEST else None


def verdict(reply: str) -> Verdict | None:
    """Return who won by `[[A]]`, `[[B]]` or `[[C]]`, a tie; None where it is none, or two."""
    found = set(_VERDICT.findall(_THOUGHT.sub("", reply)))
    if len(found) != 1:
        return None
    names: dict[str, Verdict] = {"A": "A", "B": "B", "C": "tie"}
    return names[found.pop()]


_RATE = (
    "Weigh whether it is right, whether it does what was asked, and whether it is clear and no "
    "longer than it has to be. First give your reasons in a few sentences. Then end with a line "
    "that holds nothing but your rating from 1 (useless) to 10 (could not be better) in double "
    "square brackets, as in: [[4]]"
)
_COMPARE = (
    "Weigh which one is right, does what was asked, and is clear and no longer than it has to be. "
    "The order in which they stand, their length, and who may have written them are no reasons. "
    "First give your reasons in a few sentences. Then end with a line that holds nothing but "
    "[[A]] if A's last reply is the better one, [[B]] if B's is, or [[C]] if neither is."
)

SINGLE = Prompt(
    name="espalier-single-v1",
    system_prompt="You grade the replies of language models, strictly and fairly.",
    prompt_template=(
        "Grade the last reply of the assistant in this conversation. "
        + _RATE
        + "\n\n=== Conversation ===\n{conversation}\n=== End ==="
    ),
)
"""Our own prompt, for what has none published."""

SINGLE_REFERENCE = Prompt(
    name="espalier-single-reference-v1",
    system_prompt=SINGLE.system_prompt,
    prompt_template=(
        "Grade the last reply of the assistant in this conversation. Below it stands a reference: "
        "a good reply, though not the only one. "
        + _RATE
        + "\n\n=== Conversation ===\n{conversation}\n=== Reference ===\n{reference}\n=== End ==="
    ),
)

PAIR = Prompt(
    name="espalier-pair-v1",
    system_prompt="You compare the replies of language models, strictly and fairly.",
    prompt_template=(
        "Two assistants, A and B, were asked the same. Say whose last reply is better. "
        + _COMPARE
        + "\n\n=== Conversation with A ===\n{conversation_a}"
        "\n=== Conversation with B ===\n{conversation_b}\n=== End ==="
    ),
)

PAIR_REFERENCE = Prompt(
    name="espalier-pair-reference-v1",
    system_prompt=PAIR.system_prompt,
    prompt_template=(
        "Two assistants, A and B, were asked the same. Say whose last reply is better. Below them "
        "stands a reference: a good reply, though not the only one. "
        + _COMPARE
        + "\n\n=== Conversation with A ===\n{conversation_a}"
        "\n=== Conversation with B ===\n{conversation_b}"
        "\n=== Reference ===\n{reference}\n=== End ==="
    ),
)
