"""DREAM: questions about English dialogues, three options (Sun et al. 2019, TACL).

The words of the prompt are ours; the source names none for language models.  Questions about one
dialogue are a cluster.
"""

from __future__ import annotations

from typing import Literal

from espalier.abilities._data import Limit, every, find
from espalier.abilities._dialogue import dialogues
from espalier.abilities._exam import RAW_STOP, By, Form, scorers
from espalier.ability import Ability

PLACES = ("dream/{}.jsonl", "data/{}.json", "{}.jsonl", "{}.json")
FETCH = "data/{}.json from github.com/nlpdata/dream"
WORDS = {
    "asked": "{dialogue}\n\nQuestion: {question}\n{options}\nAnswer:",
    "before": " ",
}


def dream(
    *,
    split: Literal["test", "dev"] = "test",
    by: By = "likelihood",
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "dream",
) -> Ability:
    """Read the questions of a split."""
    places = [place.format(split) for place in PLACES]
    file = find(f"DREAM's {split} split", places, data, fetch=FETCH.format(split))
    return Ability(
        name=name,
        items=every(dialogues(file, name="dream", words=WORDS, form=form), limit),
        scorers=scorers(by),
        suite="dream",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )
