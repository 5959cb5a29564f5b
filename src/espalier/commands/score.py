"""`espalier score`: grade replies made elsewhere, with no model at hand."""

from __future__ import annotations

from pathlib import Path

import click

from espalier.commands._common import (
    ability_options,
    asked_abilities,
    console,
    json_option,
    say_json,
    show_scores,
)


@click.command()
@click.option("--ability", required=True, help="As in a study: gsm8k, tunnel:math, ...")
@click.option(
    "--replies",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="JSON lines with `reply`, and the ability's `item` id or its `question`.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Graded rows, as JSON lines.",
)
@ability_options
@json_option
def score(
    ability: str, replies: Path, out: Path, data: str | None, limit: int | None, as_json: bool
) -> None:
    """Grade replies made elsewhere.

    Missing replies are unscored and counted, never zero; unknown and double ones are named.
    """
    from espalier.errors import MissingError, SpecError
    from espalier.files import check_output
    from espalier.scoring import make_ability, score_replies

    if not replies.is_file():
        raise MissingError(f"{replies}: no such file; give JSON lines with `item` and `reply`")
    check_output(out, inputs=[replies])
    asked = asked_abilities(ability, data, limit)
    if len(asked) > 1:
        raise SpecError(f"--ability {ability}: replies are graded for one ability at a time")
    use, options = asked[0]
    graded = score_replies(make_ability(use.use, options), replies)
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
    if graded.missing:
        console().print(f"{len(graded.missing)} items have no reply: unscored, not zero.")
    for row in graded.left_out[:8]:
        console().print(f"left out: {row}", markup=False)
    if len(graded.left_out) > 8:
        console().print(f"and {len(graded.left_out) - 8} more rows left out")
    for metric in graded.not_graded:
        console().print(f"{metric} needs the model itself: `espalier eval`")
