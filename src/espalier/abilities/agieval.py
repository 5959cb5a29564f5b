"""AGIEval: questions of college entrance, law and logic exams (Zhong et al. 2023; 2304.06364).

Asked in the words of its authors; the likeliest letter is the answer.  `agieval` is every task of
lettered options that Song et al. 2023 or their sources hold: the ten Chinese ones (`agieval:zh`),
`logiqa-en` and `aqua-rat`.  `math` and `gaokao-mathcloze` have answers in their own words, so they
are asked and graded by themselves.  Of several tasks both averages are given: over tasks
(`macro_accuracy`) and over questions (`accuracy`).

`single: true` leaves out questions with more than one right option, as Song et al. 2023 do.  A
question without a published answer (one in jec-qa-kd) cannot be asked and is left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from espalier.abilities._data import Limit, find, one_of, rows, text
from espalier.abilities._exam import (
    RAW_STOP,
    By,
    Form,
    Question,
    ask,
    clusters,
    first,
    item,
    scorers,
    some,
    texts,
)
from espalier.ability import Ability, Item, Message, Prompt, Use
from espalier.errors import DataError, SpecError
from espalier.format import Record

FETCH = "data/v1/{}.jsonl from github.com/ruixiangcui/AGIEval"
PLACES = ("agieval/{}.jsonl", "data/v1/{}.jsonl", "v1/{}.jsonl", "{}.jsonl")
EXAMPLES = ("agieval/few_shot_prompts.csv", "data/few_shot_prompts.csv", "few_shot_prompts.csv")

ZH = (
    *("logiqa-zh", "gaokao-chinese", "gaokao-geography", "gaokao-history", "gaokao-biology"),
    *("gaokao-chemistry", "gaokao-mathqa", "gaokao-physics", "jec-qa-kd", "jec-qa-ca"),
)
EN = ("logiqa-en", "aqua-rat")
MORE_EN = ("lsat-ar", "lsat-lr", "lsat-rc", "sat-math", "sat-en", "gaokao-english")
WORDS = ("math", "gaokao-mathcloze")
GROUPS = {"zh": ZH, "all": ZH + EN}

WELCOME = "{passage, question, options, label}, the label a letter or a list of letters"
LOST = 0.01
"""The most of a task's questions that may lack an answer."""


def agieval(
    *,
    task: str | None = None,
    shots: Annotated[int, Field(ge=0, le=5)] = 0,
    by: By | None = None,
    form: Form = "chat",
    single: bool = False,
    data: str | None = None,
    limit: Limit | None = None,
    name: str = "agieval",
) -> Ability:
    """Read one task, or a group of them: `zh`, or `all` where none is named.

    `shots` examples are the published ones, of which a task has three to five.  `by` is likelihood,
    and for answers in words always text.  A `limit` takes turns among the tasks.
    """
    known = (*GROUPS, *ZH, *EN, *MORE_EN, *WORDS)
    tasks = GROUPS.get(task or "all") or one_of(task, known, what="ability agieval")
    if task in WORDS:
        return _in_words(task, shots, by, form, data, limit, name)
    made = [_task(t, data, shots, form, single, alone=len(tasks) == 1) for t in tasks]
    return Ability(
        name=name,
        items=some(made, limit),
        scorers=scorers(by or "likelihood", macro=len(tasks) > 1),
        suite="agieval",
        max_new_tokens=256,
        stop=RAW_STOP if form == "raw" else (),
    )


def _task(
    task: str, data: str | None, shots: int, form: Form, single: bool, *, alone: bool
) -> list[Item]:
    """Make a task's items; alone, questions about one passage are a cluster, else the task is."""
    examples = _examples(task, data, shots, single)
    records = _records(task, data)
    questions = [_question(task, record, len(examples), solved=False) for record in records]
    lost = questions.count(None)
    if lost > LOST * len(questions):
        raise DataError(f"agieval/{task}: {lost} of {len(questions)} questions have no answer")
    passages = clusters([record["passage"] for record in records], f"agieval/{task}")
    return [
        item(
            f"agieval/{task}/{number}",
            question,
            prompt=_asked(task, question, examples, form),
            cluster=passages[number] if alone else task,
            before=_before(task, form),
        )
        for number, question in enumerate(questions)
        if question is not None and not (single and len(question.reply) > 1)
    ]


def _records(task: str, data: str | None) -> list[Record]:
    places = [place.format(task) for place in PLACES]
    file = find(f"AGIEval's {task}", places, data, fetch=FETCH.format(task))
    return rows(file, _checked if task not in WORDS else _worded, welcome=WELCOME)


def _checked(_: int, record: Record) -> Record | None:
    options, label = record["options"], record["label"]
    whole = isinstance(options, list) and len(options) > 1 and isinstance(label, str | list)
    return record if whole and text(record, "question") else None


def _worded(_: int, record: Record) -> Record | None:
    return record if text(record, "question") and text(record, "answer") else None


def _question(task: str, record: Record, place: int, *, solved: bool) -> Question | None:
    """Read a question as number `place` (from 0) of what is asked; None where it has no answer.

    Behind examples, or as one, it is numbered; alone it is asked in the words for zero shots.
    """
    options = record["options"]
    shown = [str(option) for option in options]
    letters = re.sub(r"[^A-Z]", "", "".join(record["label"]))
    known = "ABCDEFG"[: len(options)]
    if not letters or not set(letters) <= set(known):
        return None
    several = isinstance(record["label"], list) or len(letters) > 1
    wording = _numbered if solved or place else _plain
    return Question(
        text=wording(task, record, shown, place),
        options=texts(shown),
        answer=sorted(set(letters)) if several else letters,
    )


def _plain(task: str, record: Record, shown: Sequence[str], _: int) -> str:
    passage, question = record.get("passage") or "", record["question"]
    last = "ABCDEFG"[len(shown) - 1]
    if _chinese(task):
        asked = f"{passage}问题：{question} 选项：{' '.join(shown)}\n"
        return f"{asked}答案：从A到{last}, 我们应选择"
    asked = f"{passage}Q: {question} Answer Choices: {' '.join(shown)}\n"
    return f"{asked}A: Among A through {last}, the answer is"


def _numbered(task: str, record: Record, shown: Sequence[str], place: int) -> str:
    passage, question = record.get("passage") or "", record["question"]
    last = "ABCDEFG"[len(shown) - 1]
    if _chinese(task):
        asked = f"问题 {place + 1}.   {passage} {question}\n"
        listed = f"从以下选项中选择:    {' '.join(shown)}\n"
        # the ending is Song et al.'s, so that a letter follows; the authors let the model explain
        return f"{asked}{listed}答案：从A到{last}, 我们应选择"
    asked = f"Problem {place + 1}.   {passage} {question}\n"
    listed = f"Choose from the following options:    {' '.join(shown)}\n"
    return f"{asked}{listed}The answer is therefore"


def _asked(task: str, question: Question, examples: Sequence[Question], form: Form) -> Prompt:
    intro = "以下是考试中各个问题的答案。\n" if _chinese(task) else _INTRO
    head = intro if form == "raw" and examples else ""
    return ask(question, examples, form=form, head=head, before=_before(task, form))


_INTRO = "Here are the answers for the problems in the exam.\n"


def _before(task: str, form: Form) -> str:
    """Return what stands before a letter: in raw English text a space."""
    return " " if form == "raw" and not _chinese(task) else ""


def _examples(task: str, data: str | None, shots: int, single: bool) -> Sequence[Question]:
    """Return the first published examples, numbered from 1."""
    if not shots:
        return []
    samples = [s for s in _samples(task, data) if not (single and len("".join(s["label"])) > 1)]
    chosen = first(samples, shots, f"agieval:{task}")
    made = [_question(task, sample, place, solved=True) for place, sample in enumerate(chosen)]
    return [question for question in made if question is not None]


def _samples(task: str, data: str | None) -> list[dict[str, Any]]:
    """Read the published examples: every second cell of the task's column is a question."""
    fetch = "data/few_shot_prompts.csv from github.com/ruixiangcui/AGIEval"
    file = find("AGIEval's examples", EXAMPLES, data, fetch=fetch)
    cells = rows(file, lambda _, record: text(record, task), welcome=f"a column '{task}'")
    try:
        return [ast.literal_eval(cell) for cell in cells[::2] if cell.strip()]
    except (ValueError, SyntaxError):
        raise DataError(f"{file}: an example of {task} cannot be read") from None


def _in_words(
    task: str,
    shots: int,
    by: By | None,
    form: Form,
    data: str | None,
    limit: Limit | None,
    name: str,
) -> Ability:
    """Make the items of a task whose answers are no letters: formulas, several after semicolons."""
    if by not in (None, "text"):
        raise SpecError(f"agieval:{task} has no options to compare; leave `by` out")
    samples = first(_samples(task, data), shots, f"agieval:{task}") if shots else []
    made = [
        Item(
            id=f"agieval/{task}/{number}",
            prompt=_worded_prompt(task, record, samples, form),
            target=record["answer"],
            chance=0.0,
            facts={"answer": _parts(record["answer"]) if _chinese(task) else record["answer"]},
        )
        for number, record in enumerate(_records(task, data))
    ]
    return Ability(
        name=name,
        items=some([made], limit),
        scorers=(Use(scorer="math"), Use(scorer="nll")),
        suite="agieval",
        max_new_tokens=1024,
        stop=RAW_STOP if form == "raw" else (),
    )


def _worded_prompt(
    task: str, record: Record, samples: Sequence[dict[str, Any]], form: Form
) -> Prompt:
    begin, end = ("问题：", "\n答案：") if _chinese(task) else ("Q: ", "\nA: The answer is")
    gap = "" if _chinese(task) else " "
    asked: str = begin + record["question"] + end
    solved = [(begin + s["question"] + end, str(s["answer"])) for s in samples]
    if form == "raw":
        return "".join(f"{question}{gap}{answer}\n\n" for question, answer in solved) + asked
    turns = [
        message
        for question, answer in solved
        for message in (
            Message(role="user", content=question),
            Message(role="assistant", content=answer),
        )
    ]
    return (*turns, Message(role="user", content=asked))


def _parts(answer: str) -> str | list[str]:
    parts = [part.strip() for part in answer.split(";")]
    return parts if len(parts) > 1 else answer


def _chinese(task: str) -> bool:
    return task in ZH or task == "gaokao-mathcloze"
