"""`espalier eval MODEL --ability a,b`: measure any local model folder or hub id."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import (
    ability_options,
    asked_abilities,
    console,
    json_option,
    open_executor,
    say_json,
    show_scores,
    site_options,
    store_option,
)
from espalier.commands._judged import remarks, show_remarks, spending, write_fastchat

if TYPE_CHECKING:
    import pandas as pd

    from espalier.steps.evaluate import Exam, Score
    from espalier.store import Store
    from espalier.study import AbilityUse

LOOKED_AT = 3
"""Replies of each kind (right, wrong, unscored) that a page shows of an ability."""


@click.command(name="eval")
@click.argument("model", metavar="MODEL")
@click.option(
    "--ability",
    required=True,
    help="One or more, by commas: gsm8k,cmmlu,tunnel:math.  `all`: every one whose data is here.",
)
@click.option("--revision", help="Of a hub id: a commit, tag or branch.")
@ability_options
@store_option
@site_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the results table, .csv or .parquet.",
)
@click.option(
    "--fastchat",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write FastChat's model_answer and model_judgment of what a judge graded.",
)
@click.option(
    "--lm-eval-json",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write results_*.json and samples_*.jsonl as lm-evaluation-harness does.",
)
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a page: scores beside chance, and replies beside references.",
)
@json_option
def eval_(
    model: str,
    ability: str,
    revision: str | None,
    data: str | None,
    limit: int | None,
    store: Path,
    site: Mapping[str, Any],
    out: Path | None,
    fastchat: Path | None,
    lm_eval_json: Path | None,
    page: Path | None,
    given: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure MODEL, a local folder in the Hugging Face layout, a hub id, or tunnel:NAME.

    Replies and likelihoods are kept in the store, so asking again costs nothing.
    """
    from espalier.collect import untuned
    from espalier.files import check_output
    from espalier.model import open_model
    from espalier.run import run
    from espalier.steps.train import Pretrained
    from espalier.store import Store

    for written in (out, page, fastchat, lm_eval_json):
        if written is not None:
            check_output(written)
    opened = open_model(model, revision, Path())
    label = model.replace(":", "/").rstrip("/").rpartition("/")[2]
    path = str(opened.folder) if opened.local else None
    start = Pretrained(digest=opened.digest, path=path, label=label)
    exams, left_out = _prepared(ability, data, limit, given)
    scores = [(use, exam, s) for use, exam in exams for s in exam.scores(start, backend="hf")]
    steps = {step.key: step for _, _, score in scores for step in score.ancestry()}
    shelf = Store(store)
    with open_executor(site) as executor:
        outcome = run(steps, shelf, executor)
    frame = untuned(label, opened.parameters, scores, shelf)
    if out is not None:
        from espalier import results

        results.write(frame, out)
    if fastchat is not None and not write_fastchat(fastchat, label, scores, shelf):
        console(err=True).print("--fastchat: no judge graded anything, so nothing was written")
    if lm_eval_json is not None:
        from espalier.interop import lm_eval

        found, now = lm_eval.measured(scores, shelf), datetime.now()
        lm_eval.write(lm_eval_json, model, found, at=now, parameters=opened.parameters)
    rows = _rows(frame, scores, shelf)
    if page is not None:
        _write_page(page, label, rows, scores, shelf)
    said = dict(remarks(scores, shelf))
    if as_json:
        failed = dict(outcome.failed)
        told = {"scores": rows, "remarks": said, "failed": failed, "left_out": left_out}
        say_json({"model": model} | told)
    else:
        show_scores([(row["ability"], row) for row in rows])
        show_remarks(said.items())
        show_remarks(spending(use for _, exam in exams for use, _, _ in exam.gradings))
        for name, why in left_out.items():
            console().print(f"left out: {name}: {why}", markup=False, style="dim")
        for key, why in outcome.failed.items():
            console(err=True).print(f"failed: {steps[key].kind} {key}: {why}", markup=False)
    sys.exit(0 if outcome.complete else 1)


def _rows(
    frame: pd.DataFrame, scores: Sequence[tuple[AbilityUse, Exam, Score]], store: Store
) -> list[dict[str, Any]]:
    """Return the results table's rows, each with how many items are unscored."""
    from espalier.store import read_json

    unscored = {
        score.key: read_json(store.path(score) / "score.json").get("unscored")
        for _, _, score in scores
        if store.has(score)
    }
    shown = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    return [
        {str(k): v for k, v in row.items()} | {"unscored": unscored.get(row["key"])}
        for row in shown
    ]


def _write_page(
    page: Path,
    label: str,
    rows: Sequence[Mapping[str, Any]],
    scores: Sequence[tuple[AbilityUse, Exam, Score]],
    store: Store,
) -> None:
    """Write scores beside chance, and replies of every ability beside their references."""
    from espalier.outputs import replies_of
    from espalier.report import eval_page

    headlines = {use.name: (use.name, score) for use, _, score in reversed(scores)}
    replies = [
        reply
        for name, score in reversed(headlines.values())
        if store.has(score)
        for reply in replies_of(store, score, ability=name, of=label, most=LOOKED_AT)
    ]
    eval_page(rows, replies, page, model=label, provenance={"store": str(store.root)})


def _prepared(
    names: str, data: str | None, limit: int | None, given: tuple[str, ...]
) -> tuple[list[tuple[AbilityUse, Exam]], dict[str, str]]:
    """Return the exams that are asked for, and what of `all` has to be left out, with the reason.

    An ability that is named is refused where it cannot be asked; of `all` it is only told.
    """
    from espalier.ability import abilities
    from espalier.errors import EspalierError, MissingError
    from espalier.steps.evaluate import prepare

    if names != "all":
        return [(u, prepare(u.use, o)) for u, o in asked_abilities(names, data, limit, given)], {}
    exams, left_out = [], {}
    for name in abilities:
        try:
            [(use, options)] = asked_abilities(name, data, limit, given, strict=False)
            exams.append((use, prepare(use.use, options)))
        except EspalierError as error:
            left_out[name] = str(error)
    if not exams:
        raise MissingError(
            f"--ability all: none can be asked here; {next(iter(left_out.values()))}"
        )
    return exams, left_out
