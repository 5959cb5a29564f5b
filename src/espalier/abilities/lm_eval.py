"""Any task of lm-evaluation-harness: `lm_eval:gsm8k`, or one of your own task files.

The harness builds the questions and grades the replies; see `espalier.harness`.  Replies to
`form: raw` are those that its Hugging Face model would give; `form: chat` is its
`--apply_chat_template --fewshot_as_multiturn`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from espalier.abilities._data import Limit
from espalier.ability import Ability, Item, Use
from espalier.errors import SpecError
from espalier.harness import Asking, Form, Wanted, metrics, questions

NEW_TOKENS = 256
"""The harness's own limit for a reply where a task names none."""


def lm_eval(
    *,
    task: str,
    include: str | None = None,
    shots: Annotated[int, Field(ge=0)] | None = None,
    form: Form = "raw",
    limit: Limit | None = None,
    name: str | None = None,
) -> Ability:
    """Ask the task, group or tag `task`; of a group, at most `limit` questions of each task.

    `include` is a folder of task files (YAML) of your own.
    """
    wanted = Wanted(task=task, include=include, shots=shots)
    found = metrics(wanted)
    asked = questions(wanted, form=form, limit=limit)
    several = len({asking.task for asking in asked}) > 1
    given = {"task": task, "include": include, "shots": shots}
    options = {key: value for key, value in given.items() if value is not None}
    uses = [
        Use(scorer="lm_eval", options=options | {"metric": metric, "filter": kept})
        for metric, kept, _ in found
    ]
    told = all(
        asking.target and (asking.gold is not None or not asking.candidates) for asking in asked
    )
    generation = _one_way(task, asked)
    return Ability(
        name=name or task,
        items=tuple(_item(asking, several, generation) for asking in asked),
        scorers=(*uses, Use(scorer="nll")) if told else tuple(uses),
        suite=f"lm_eval:{task}",
        max_new_tokens=int(generation.get("max_gen_toks") or NEW_TOKENS),
        stop=tuple(_listed(generation.get("until"))),
        samples=max(asking.repeats for asking in asked) if _temperature(generation) else 1,
    )


def _item(asking: Asking, several: bool, generation: Mapping[str, Any]) -> Item:
    """Make an item: the right candidate first, and in its facts the order the task has."""
    gold = asking.gold or 0
    places = [gold, *(i for i in range(len(asking.candidates)) if i != gold)]
    chosen = [asking.candidates[i] for i in places] if asking.candidates else []
    facts: dict[str, Any] = {
        "task": asking.task,
        "document": asking.document,
        "repeats": asking.repeats,
    }
    if chosen:
        facts["order"] = [places.index(i) for i in range(len(chosen))]
    return Item(
        id=f"{asking.task}/{asking.document}",
        prompt=asking.prompt,
        target=asking.target,
        candidates=tuple(chosen),
        temperature=_temperature(generation),
        cluster=asking.task if several else None,
        chance=1 / len(chosen) if len(chosen) > 1 else None,
        facts=facts,
    )


def _one_way(task: str, asked: list[Asking]) -> Mapping[str, Any]:
    """Return how replies are written, which has to be one way for all questions."""
    first = asked[0].generation
    if any(asking.generation != first for asking in asked):
        raise SpecError(
            f"lm_eval:{task}: its questions are answered in different ways; name one task"
        )
    return first


def _temperature(generation: Mapping[str, Any]) -> float:
    """Return 0 for greedy replies; the harness samples only where `do_sample` says so."""
    if not generation.get("do_sample"):
        return 0.0
    if set(generation) & {"top_k", "top_p", "min_p", "num_beams"}:
        raise SpecError(
            "lm_eval: sampling with top_k, top_p, min_p or beams is not supported; only with a "
            "temperature"
        )
    return float(generation.get("temperature", 1.0))


def _listed(until: Any) -> list[str]:
    texts = [until] if isinstance(until, str) else list(until or [])
    return [text for text in texts if text]
