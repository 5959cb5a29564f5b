"""What a judge is asked of one reply: a sheet of requests, turn by turn, repeat by repeat.

An item says in `facts["judging"]` by which prompts and references its turns are judged, and
against whose replies; what it does not say is ours (`verdicts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from pydantic import ValidationError

from espalier.ability import Item, Reply
from espalier.errors import DataError
from espalier.judging.answers import Request
from espalier.judging.verdicts import (
    PAIR,
    PAIR_REFERENCE,
    SINGLE,
    SINGLE_REFERENCE,
    Prompt,
    filled,
)
from espalier.spec import Spec

Mode = Literal["single", "pair"]


class Against(Spec):
    """Another model's replies to the turns of an item."""

    model: str
    turns: tuple[str, ...]


class Brief(Spec):
    """How an item is judged."""

    prompts: tuple[Prompt, ...] = ()
    """One a turn; none: ours."""
    references: tuple[str, ...] = ()
    """One a turn; none: the item's target, where it has one."""
    against: Against | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of a sheet, and what it is about."""

    turn: int
    repeat: int
    swapped: bool
    """In a pair: the other model's reply is shown first, as A."""
    prompt: str
    """The prompt's name."""
    request: Request


def brief(item: Item) -> Brief:
    """Return how `item` is judged, or refuse what it says of that."""
    try:
        return Brief.model_validate(item.facts.get("judging", {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("facts", "judging", *first["loc"]))
        raise DataError(f"item {item.id}: {where}: {first['msg']}") from None


def unjudged(item: Item, reply: Reply, mode: Mode) -> str | None:
    """Say why a reply cannot be judged, if it cannot."""
    turns = 1 + len(item.followups)
    if len(reply.texts) < turns:
        return f"{len(reply.texts)} replies to {turns} turns"
    against = brief(item).against
    if mode == "pair" and against is None:
        return "there is no reply to compare it with"
    if mode == "pair" and against and len(against.turns) < turns:
        return f"{against.model} has {len(against.turns)} replies to {turns} turns"
    return None


def sheet(item: Item, reply: Reply, *, mode: Mode, repeats: int) -> tuple[Asked, ...]:
    """Return everything a judge is asked of one reply: by turn, then repeat, then order."""
    told = brief(item)
    orders = (False, True) if mode == "pair" else (False,)
    asked = []
    for turn in range(1 + len(item.followups)):
        prompt = _prompt(item, told, mode, turn)
        for repeat, swapped in product(range(repeats), orders):
            values = _values(item, reply, told, mode, turn, swapped=swapped)
            request = Request(messages=filled(prompt, values), repeat=repeat)
            asked.append(
                Asked(
                    turn=turn, repeat=repeat, swapped=swapped, prompt=prompt.name, request=request
                )
            )
    return tuple(asked)


def _prompt(item: Item, told: Brief, mode: Mode, turn: int) -> Prompt:
    if told.prompts:
        return told.prompts[min(turn, len(told.prompts) - 1)]
    referred = bool(_reference(item, told, turn))
    if mode == "pair":
        return PAIR_REFERENCE if referred else PAIR
    return SINGLE_REFERENCE if referred else SINGLE


def _values(
    item: Item, reply: Reply, told: Brief, mode: Mode, turn: int, *, swapped: bool
) -> dict[str, str]:
    """Return what the fields of a prompt are filled with, under FastChat's names and ours."""
    users = _users(item)[: turn + 1]
    values = {"question": users[-1], "reference": _reference(item, told, turn)}
    values |= _numbered("question", users)
    values |= _numbered("ref_answer", told.references)
    ours = reply.texts[: turn + 1]
    if mode == "single":
        return values | _side("", item, ours)
    theirs = told.against.turns[: turn + 1] if told.against else ()
    first, second = (theirs, ours) if swapped else (ours, theirs)
    return values | _side("_a", item, first) | _side("_b", item, second)


def _side(letter: str, item: Item, texts: Sequence[str]) -> dict[str, str]:
    """Return one assistant's replies, and its whole conversation."""
    return (
        {f"answer{letter}": texts[-1]}
        | _numbered(f"answer{letter}", texts)
        | {f"conversation{letter}": _conversation(item, texts)}
    )


def _numbered(name: str, texts: Sequence[str]) -> dict[str, str]:
    return {f"{name}_{number}": text for number, text in enumerate(texts, 1)}


def _reference(item: Item, told: Brief, turn: int) -> str:
    known = told.references or ((item.target,) if item.target else ())
    return known[turn] if turn < len(known) else ""


def _users(item: Item) -> list[str]:
    """Return what the user says at each turn that is judged."""
    first = item.prompt if isinstance(item.prompt, str) else item.prompt[-1]["content"]
    return [first, *item.followups]


def _conversation(item: Item, texts: Sequence[str]) -> str:
    """Return a conversation as a judge reads it."""
    before = [] if isinstance(item.prompt, str) else item.prompt[:-1]
    lines = [f"[{message['role']}]\n{message['content']}" for message in before]
    for user, text in zip(_users(item), texts, strict=False):
        lines += [f"[user]\n{user}", f"[assistant]\n{text}"]
    return "\n\n".join(lines)
