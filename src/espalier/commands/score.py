"""`espalier score`: grade replies made elsewhere, with no model at hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from espalier.commands._common import (
    ability_options,
    asked_abilities,
    console,
    json_option,
    say_json,
    show_scores,
)
from espalier.commands._judged import show_remarks, spending

if TYPE_CHECKING:
    from espalier.ability import Ability
    from espalier.records import BadRow


@click.command()
@click.option("--ability", required=True, help="As in a study: gsm8k, tunnel:math, ...")
@click.option(
    "--replies",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="JSON lines with `reply`, and the ability's `item` id or its `question`; or FastChat's "
    "model_answer, or a model_judgment, which is read and asks no judge.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Graded rows, as JSON lines.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Of judgments: also write the results table, .csv or .parquet.",
)
@ability_options
@json_option
def score(
    ability: str,
    replies: Path,
    out: Path,
    table: Path | None,
    data: str | None,
    limit: int | None,
    given: tuple[str, ...],
    as_json: bool,
) -> None:
    """Grade replies made elsewhere.

    Missing replies are unscored and counted, never zero; unknown and double ones are named.
    """
    from espalier.errors import MissingError, SpecError
    from espalier.files import check_output
    from espalier.interop.fastchat import is_judgments
    from espalier.scoring import make_ability, score_replies

    if not replies.is_file():
        raise MissingError(f"{replies}: no such file; give JSON lines with `item` and `reply`")
    check_output(out, inputs=[replies, table])
    asked = asked_abilities(ability, data, limit, given)
    if len(asked) > 1:
        raise SpecError(f"--ability {ability}: replies are graded for one ability at a time")
    use, options = asked[0]
    made = make_ability(use.use, options)
    if is_judgments(replies):
        _judged(made, replies, out, table, as_json=as_json)
        return
    if table is not None:
        raise SpecError("--table: replies have no model's name; only judgments make a table")
    graded = score_replies(made, replies)
    graded.write(out)
    if as_json:
        say_json(
            {
                "scores": graded.summaries,
                "missing": graded.missing,
                "left_out": [str(row) for row in graded.left_out],
                "not_graded": graded.not_graded,
                "out": str(out),
            }
        )
        return
    show_scores([(use.name, summary) for summary in graded.summaries])
    show_remarks((f"{use.name} {one['metric']}", one.get("remark")) for one in graded.summaries)
    show_remarks(spending(made.scorers))
    if graded.missing:
        console().print(f"{len(graded.missing)} items have no reply: unscored, not zero.")
    _show_left_out(graded.left_out)
    for metric in graded.not_graded:
        console().print(f"{metric} needs the model itself: `espalier eval`")


def _judged(ability: Ability, file: Path, out: Path, table: Path | None, *, as_json: bool) -> None:
    """Say what judgments made elsewhere come to, for every model in their file."""
    from espalier import results
    from espalier.files import write_whole
    from espalier.interop import fastchat

    judged, left_out = fastchat.read_judgments(ability, file)
    lines = [
        json.dumps({"model": one.model, "metric": one.summary["metric"]} | row, ensure_ascii=False)
        for one in judged
        for row in one.rows
    ]
    write_whole(out, "".join(f"{line}\n" for line in lines))
    if table is not None:
        results.write(fastchat.table(ability, judged), table)
    if as_json:
        scores = [{"model": one.model, "judge": one.judge} | one.summary for one in judged]
        say_json({"scores": scores, "left_out": [str(row) for row in left_out], "out": str(out)})
        return
    show_scores([(one.model, one.summary) for one in judged])
    show_remarks((f"{one.model}, by {one.judge}", one.summary.get("remark")) for one in judged)
    _show_left_out(left_out)


def _show_left_out(rows: Sequence[BadRow]) -> None:
    for row in rows[:8]:
        console().print(f"left out: {row}", markup=False)
    if len(rows) > 8:
        console().print(f"and {len(rows) - 8} more rows left out")
