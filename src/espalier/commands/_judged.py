"""What commands say and write of scores that a judge gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.commands._common import console

if TYPE_CHECKING:
    from espalier.ability import Use
    from espalier.judging import Judge, Means
    from espalier.steps.evaluate import Exam, Score
    from espalier.store import Store
    from espalier.study import AbilityUse

Scored = Iterable[tuple["AbilityUse", "Exam", "Score"]]


def remarks(scores: Scored, store: Store) -> Iterator[tuple[str, str]]:
    """Yield (ability and metric, remark) of every finished score whose scorer had one to make."""
    from espalier.store import read_json

    for use, _, score in scores:
        told = read_json(store.path(score) / "score.json")
        if told.get("remark"):
            yield f"{use.name} {told['metric']}", str(told["remark"])


def show_remarks(told: Iterable[tuple[str, Any]]) -> None:
    """Print what scorers had to say of all they graded, below the scores."""
    for name, remark in told:
        if remark:
            console().print(f"{name}: {remark}", markup=False, style="dim")


def spending(uses: Iterable[Use]) -> Iterator[tuple[str, str]]:
    """Yield what each judge has cost so far, all askings into its cache together."""
    from espalier.judging import Answers, Purse

    seen = set()
    for judge, means in filter(None, map(_judge, uses)):
        answers = Answers(judge, means)
        if answers.folder not in seen:
            seen.add(answers.folder)
            purse = Purse(answers, means)
            cost = "" if purse.cost is None else f", costing {purse.cost:.2f}"
            tokens = f"{purse.input + purse.output:,} tokens"
            yield (
                f"judge {judge.model}",
                f"{purse.requests:,} requests, {tokens}{cost} in all so far ({answers.folder})",
            )


def _judge(use: Use) -> tuple[Judge, Means] | None:
    """Return the judge that a scorer asks, if it does."""
    from espalier.judging import judge_named

    if use.scorer != "judge" or "judge" not in use.options:
        return None
    return judge_named({**use.options["judge"], **use.means.get("means", {})})


def write_fastchat(folder: Path, model: str, scores: Scored, store: Store) -> list[Path]:
    """Write the replies and judgments of every finished judged score as FastChat would."""
    from espalier.ability import Use
    from espalier.interop.fastchat import write_answers, write_judgments
    from espalier.steps.evaluate import read_replies

    written = []
    for use, exam, score in scores:
        if score.scorer != "judge" or not store.has(score):
            continue
        kept = store.path(score.answer) / "replies.parquet"
        replies, items = read_replies(kept), exam.ability.items
        bench = folder / (exam.ability.suite or use.name)
        written.append(write_answers(bench, model, items, replies, at=kept.stat().st_mtime))
        asked = Use(scorer=score.scorer, options=score.options, means=score.means or {})
        if named := _judge(asked):
            mode = score.options.get("mode", "single")
            written.append(
                write_judgments(
                    bench, model, items, replies, judge=named[0], means=named[1], mode=mode
                )
            )
    return written
