"""The wind tunnel: a procedural world with its tasks and tiny base models.

Whole studies of how abilities grow run here in minutes, with no network, and every number is
truly measured.  Each row depends on (world, task, construction, seed, index) alone, and a prompt
belongs to training or to measuring by its own hash, so the two never meet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl
from zlib import crc32

from espalier.ability import Item, Message, Prompt
from espalier.errors import MissingError, SpecError, choices
from espalier.files import cache_folder
from espalier.tunnel.task import CONSTRUCTIONS, Question, Task
from espalier.tunnel.task import tasks as _tasks  # the folder `tasks` takes the plain name
from espalier.tunnel.world import Numerals, World

Split = Literal["train", "valid", "test"]
Frame = Literal["chat", "text"]

_SPLITS: tuple[Split, ...] = ("test", "valid", *8 * ("train",))
_BASES = Path(__file__).parent / "bases"


def rows(
    task: str,
    *,
    rows: int,
    construction: str = "human",
    seed: int = 0,
    world: World | None = None,
) -> list[tuple[Message, ...]]:
    """Return the first `rows` training rows of a task; fewer are always the beginning of more."""
    if not _tasks[task].trained:
        others = choices(task, (name for name, other in _tasks.items() if other.trained))
        raise SpecError(f"'{task}' is only measured and has no training rows; {others}")
    world = world or World()
    drawn = _draw(task, construction=construction, split="train", seed=seed, world=world)
    return [_row(question) for question in islice(drawn, rows)]


def addressed(
    task: str,
    *,
    rows: int,
    construction: str = "human",
    seed: int = 0,
    world: int = 0,
    numerals: Numerals = "digits",
    largest: int = World.largest,
    steps: int = World.steps,
) -> list[tuple[Message, ...]]:
    """Return the rows of an address, as `tunnel:math?rows=64&world=1`; `world` is a seed."""
    made = World(seed=world, numerals=numerals, largest=largest, steps=steps)
    return make_rows(task, rows=rows, construction=construction, seed=seed, world=made)


def items(
    task: str,
    *,
    items: int = 200,
    split: Literal["valid", "test"] = "test",
    seed: int = 0,
    world: World | None = None,
    shots: int = 0,
    frame: Frame = "chat",
) -> list[Item]:
    """Return the first `items` different items of a task, none of which is a training prompt.

    `shots` training rows are shown before each question: as earlier turns of the conversation, or,
    with the frame `text`, as raw text, which an untuned base can continue.  There a reply begins
    with the space that parts it from the question.
    """
    world = world or World()
    examples = _examples(task, shots, seed=seed, world=world)
    drawn = _draw(task, construction="human", split=split, seed=seed, world=world)
    judged = _judged(_tasks[task], world, _distinct(drawn))
    space = " " if frame == "text" else ""
    return [
        Item(
            id=f"{task}/{split}/{number}",
            prompt=_prompt(question, examples, frame),
            target=space + question.reply,
            candidates=tuple(space + each for each in (question.reply, *question.distractors))
            if question.distractors
            else (),
            chance=question.chance,
            cluster=question.cluster,
            facts={**question.facts, **facts},
        )
        for number, (question, facts) in enumerate(islice(judged, items))
    ]


make_rows = rows
"""`rows` under a name that an option called `rows` does not hide."""


def base_folder(name: str, world: int = 0) -> Path:
    """Return the folder of a base: an ordinary Hugging Face model folder.

    The bases of world 0 but the largest ship with the package; any other lies among the user's own,
    where `python -m espalier.tunnel.make` puts it.  Raises `MissingError` where it is not made yet.
    """
    shipped, own = _BASES / name, own_folder(name, world)
    if world == 0 and name in _bases(_BASES):
        return shipped
    if (own / "config.json").exists():
        return own
    from espalier.tunnel.make import SHAPES  # it knows how bases are made, which is more to import

    if name not in SHAPES:
        raise MissingError(f"no base '{name}' in the tunnel; {choices(name, SHAPES)}")
    command = f"python -m espalier.tunnel.make {name}" + (f" --world {world}" if world else "")
    raise MissingError(f"the base '{name}' of world {world} is not made yet; `{command}` makes it")


def base_at(address: str) -> Path:
    """Return the folder of a base by its address, as `s`, `l` or `s?world=1`."""
    name, _, query = address.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    world = given.pop("world", "0")
    for option in given:
        raise SpecError(f"tunnel:{address}: no option '{option}'; {choices(option, ['world'])}")
    if not world.isdecimal():
        raise SpecError(f"tunnel:{address}: world={world}: the seed of a world is a whole number")
    return base_folder(name, int(world))


def own_folder(name: str, world: int) -> Path:
    """Return where a base that does not ship lies, or will lie, among what the user keeps.

    Bases of other raw text than the shipped ones lie elsewhere: they know another world.
    """
    card = json.loads((_BASES / "s" / "base.json").read_text(encoding="utf-8"))
    kind: str = card["digests"]["texts"][:8]
    return cache_folder() / "bases" / kind / (f"{name}-world{world}" if world else name)


def _bases(folder: Path) -> list[str]:
    return [base.name for base in folder.iterdir() if (base / "config.json").exists()]


def split_of(prompt: str) -> Split:
    """Return the split that all a user says belongs to, in every task, construction and world."""
    return _SPLITS[crc32(prompt.encode()) % len(_SPLITS)]


def _row(question: Question) -> tuple[Message, ...]:
    """Return a question with its reply as a conversation to train on."""
    return (*question.messages(), Message(role="assistant", content=question.reply))


def _examples(task: str, shots: int, *, seed: int, world: World) -> list[tuple[Message, ...]]:
    """Return training rows to be shown before a question; a task of its own kind if untrained."""
    drawn = _draw(task, construction="human", split="train", seed=seed, world=world)
    return [_row(question) for question in islice(drawn, shots)]


def _prompt(question: Question, examples: Sequence[tuple[Message, ...]], frame: Frame) -> Prompt:
    told = [message for example in examples for message in example] + [*question.messages()]
    if frame == "chat":
        return tuple(told)
    lines = [f"{m['content']}{' ' if m['role'] == 'user' else chr(10)}" for m in told]
    return "".join(lines).rstrip(" ")


def _draw(
    task: str, *, construction: str, split: Split, seed: int, world: World
) -> Iterator[Question]:
    """Yield questions of one split without end, each from a generator of its own."""
    if construction not in CONSTRUCTIONS:
        others = choices(construction, CONSTRUCTIONS)
        raise SpecError(f"no construction '{construction}'; {others}")
    ask, how = _tasks[task].ask, CONSTRUCTIONS[construction]
    for index in count():
        random = world.random(task, construction, split, seed, index)
        question = ask(world, random, how)
        while split_of(question.asked) != split:
            question = ask(world, random, how)
        yield question


def _distinct(questions: Iterator[Question]) -> Iterator[Question]:
    seen: set[str] = set()
    for question in questions:
        if question.asked not in seen:
            seen.add(question.asked)
            yield question


def _judged(
    task: Task, world: World, questions: Iterator[Question]
) -> Iterator[tuple[Question, Mapping[str, Any]]]:
    """Yield the questions whose replies can be judged, with what judging needs."""
    for question in questions:
        facts = task.judge(world, question) if task.judge else {}
        if facts is not None:
            yield question, facts
