"""C3: questions about Chinese dialogues, three or four options (Sun et al. 2020, TACL).

The dialogues (C3-D).  The words of the prompt are ours; the source names none for language models.
Questions about one dialogue are a cluster.
"""

from __future__ import annotations

from typing import Literal

from espalier.abilities._data import Limit, every, find
from espalier.abilities._dialogue import dialogues
from espalier.abilities._exam import RAW_STOP, By, Form, scorers
from espalier.ability import Ability

PLACES = ("c3/c3-d-{}.jsonl", "data/c3-d-{}.json", "c3-d-{}.jsonl", "c3-d-{}.json")
FETCH = "data/c3-d-{}.json from github.com/nlpdata/c3"
WORDS = {
    "asked": "{dialogue}\n\n问题：{question}\n{options}\n答案：",
    "before": "",
}


def c3(
    *,
    split: Literal["test", "dev"] = "test",
    by: By = "likelihood",
    form: Form = "chat",
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "c3",
) -> Ability:
    """Read the questions of a split."""
    places = [place.format(split) for place in PLACES]
    file = find(f"C3's {split} split", places, data, fetch=FETCH.format(split))
    return Ability(
        name=name,
        items=every(dialogues(file, name="c3", words=WORDS, form=form), limit),
        scorers=scorers(by),
        suite="c3",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )
