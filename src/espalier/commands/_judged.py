"""What commands say and write of scores that a judge gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.commands._common import console

if TYPE_CHECKING:
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


def write_fastchat(folder: Path, model: str, scores: Scored, store: Store) -> list[Path]:
    """Write the replies and judgments of every finished judged score as FastChat would."""
    from espalier.interop.fastchat import write_answers, write_judgments
    from espalier.judging import judge_named
    from espalier.steps.evaluate import read_replies

    written = []
    for use, exam, score in scores:
        if score.scorer != "judge" or not store.has(score):
            continue
        kept = store.path(score.answer) / "replies.parquet"
        replies, items = read_replies(kept), exam.ability.items
        bench = folder / use.name
        written.append(write_answers(bench, model, items, replies, at=kept.stat().st_mtime))
        options, means = score.options, score.means or {}
        if named := judge_named({**options["judge"], **means.get("means", {})}):
            mode = options.get("mode", "single")
            written.append(
                write_judgments(
                    bench, model, items, replies, judge=named[0], means=named[1], mode=mode
                )
            )
    return written
