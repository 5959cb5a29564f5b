"""MT-Bench: 80 questions of two turns in eight categories, judged (Zheng et al. 2023).

Each turn is rated from 1 to 10 by the published prompts; math, coding and reasoning are judged
beside GPT-4's references.  With `against`, another model's replies, it is compared with them
instead.  Replies are sampled at the temperature of their category, as FastChat does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from espalier.abilities._data import Limit, every, find, rows, text
from espalier.abilities._judged import compared
from espalier.ability import Ability, Item, Message, Use
from espalier.errors import DataError
from espalier.format import Record
from espalier.judging import Named, judged_by
from espalier.scoring import replied

Category = Literal[
    "writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"
]
TEMPERATURES = {"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1}
REFERRED = ("math", "reasoning", "coding")
"""Categories that are judged beside a reference."""

MAX_NEW_TOKENS = 1024
"""As FastChat asks."""

HOME = "fastchat/llm_judge/data"
QUESTIONS = ("mt_bench/question.jsonl", "question.jsonl", f"{HOME}/mt_bench/question.jsonl")
PROMPTS = ("mt_bench/judge_prompts.jsonl", "judge_prompts.jsonl", f"{HOME}/judge_prompts.jsonl")
REFERENCES = (
    "mt_bench/reference_answer_gpt-4.jsonl",
    "reference_answer_gpt-4.jsonl",
    "mt_bench/reference_answer/gpt-4.jsonl",
    "reference_answer/gpt-4.jsonl",
    f"{HOME}/mt_bench/reference_answer/gpt-4.jsonl",
)

Texts = tuple[str, ...]


class Question(NamedTuple):
    """A row of the questions."""

    id: str
    category: str
    turns: Texts


def mt_bench(
    *,
    task: Category | None = None,
    judge: Named = None,
    against: str | None = None,
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "mt_bench",
) -> Ability:
    """Read the questions of one category or of all, with what they are judged by.

    `against` is a file of another model's replies, such as FastChat's `model_answer`; it turns
    ratings into the share of comparisons won.
    """
    questions = rows(
        _file(QUESTIONS, "mt_bench/question.jsonl", data),
        _question,
        welcome="{question_id, category, turns}",
    )
    references = rows(
        _file(REFERENCES, "mt_bench/reference_answer/gpt-4.jsonl", data),
        _reference,
        welcome="{question_id, choices: [{turns}]}",
    )
    prompts = rows(
        file := _file(PROMPTS, "judge_prompts.jsonl", data),
        _prompt,
        welcome="{name, system_prompt, prompt_template}",
    )
    published = _Published(file, {str(prompt["name"]): prompt for prompt in prompts})
    mode: Literal["single", "pair"] = "single" if against is None else "pair"
    items = [
        _item(question, dict(references), published, mode)
        for question in questions
        if task in (None, question.category)
    ]
    return Ability(
        name=name,
        items=every(compared(items, against), limit),
        scorers=(judged_by(judge, mode), Use(scorer="nll")),
        suite="mt_bench",
        max_new_tokens=MAX_NEW_TOKENS,
    )


class _Published(NamedTuple):
    """The published prompts and where they were read."""

    file: Path
    prompts: Mapping[str, Mapping[str, Any]]

    def named(self, name: str) -> Mapping[str, Any]:
        if name not in self.prompts:
            raise DataError(f"{self.file}: no prompt '{name}'; is it FastChat's whole file?")
        return self.prompts[name]


def _file(places: Texts, source: str, data: str | None) -> Path:
    fetch = f"{HOME}/{source} from github.com/lm-sys/FastChat"
    return find(f"MT-Bench's {source.rpartition('/')[2]}", places, data, fetch=fetch)


def _question(_: int, record: Record) -> Question | None:
    turns = record["turns"]
    if not turns or not all(isinstance(turn, str) for turn in turns):
        return None
    return Question(str(record["question_id"]), text(record, "category"), tuple(turns))


def _reference(_: int, record: Record) -> tuple[str, Texts]:
    return str(record["question_id"]), replied(record)


def _prompt(_: int, record: Record) -> dict[str, str]:
    return {part: text(record, part) for part in ("name", "system_prompt", "prompt_template")}


def _item(
    question: Question,
    references: Mapping[str, Texts],
    published: _Published,
    mode: Literal["single", "pair"],
) -> Item:
    """Return a question with the prompts of its turns, and its references where they are shown."""
    first, *rest = question.turns
    known = references.get(question.id, ()) if question.category in REFERRED else ()
    kind = f"{mode}-math-v1" if known else {"single": "single-v1", "pair": "pair-v2"}[mode]
    names = [kind, *(f"{kind}-multi-turn" for _ in rest)]
    return Item(
        id=f"mt_bench/{question.id}",
        prompt=(Message(role="user", content=first),),
        followups=tuple(rest),
        target=known[0] if known else "",
        temperature=TEMPERATURES.get(question.category, 0.0),
        facts={
            "category": question.category,
            "judging": {
                "prompts": [published.named(name) for name in names],
                "references": list(known),
            },
        },
    )
