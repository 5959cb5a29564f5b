"""`espalier data distract`: wrong answers made out of right ones, reviewed, and made into items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from espalier.commands._common import console, json_option, say_json

if TYPE_CHECKING:
    from espalier.distract import Distractor, Gold


@click.group()
def data() -> None:
    """Make data for measuring: `espalier data distract`; with --json it answers a program."""


@data.command()
@click.argument("golds", required=False, metavar="[FILE]")
@click.option("--ability", help="Take the gold answers of an ability instead of a file.")
@click.option("--data", "folder", help="Folder of the ability's data; default: $ESPALIER_DATA.")
@click.option("--format", "form", help="Of the file; default: told apart by looking.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many gold answers.")
@click.option("--fine", type=click.IntRange(min=0), default=1, show_default=True, help="For each.")
@click.option("--coarse", type=click.IntRange(min=0), default=1, show_default=True, help="As well.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--apply",
    "reviewed",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="REVIEW",
    help="Make items of a review file in which each line has its verdict.",
)
@click.option("--accept-rest", is_flag=True, help="With --apply: lines without a verdict count.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The review file (.csv or .jsonl), or with --apply the items (.jsonl).",
)
@json_option
def distract(
    golds: str | None,
    ability: str | None,
    folder: str | None,
    form: str | None,
    limit: int | None,
    fine: int,
    coarse: int,
    seed: int,
    reviewed: Path | None,
    accept_rest: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Write distractors for the gold answers in FILE, or of an ability, for a person to review.

    In the review file write under `verdict` accept, edit (after mending the text under
    `distractor`) or reject; then `espalier data distract --apply REVIEW --out items.jsonl` makes
    items of it, which `espalier eval MODEL --ability own:items.jsonl` measures.
    """
    from espalier.distract import distract as made
    from espalier.distract import write_review
    from espalier.errors import DataError, SpecError
    from espalier.files import check_output

    if (given := [x is not None for x in (golds, ability, reviewed)].count(True)) != 1:
        what = "more than one is given" if given else "nothing is given"
        raise SpecError(f"{what}; name a FILE of right answers, or --ability, or --apply REVIEW")
    if reviewed is not None:
        _apply(reviewed, out, accept_rest=accept_rest, as_json=as_json)
        return
    check_output(out, inputs=[Path(golds) if golds else None])
    found = _of_ability(ability, folder) if ability else _of_file(str(golds), form)
    rows = list(made(found[:limit], among=found, fine=fine, coarse=coarse, seed=seed))
    if not rows:
        raise DataError(f"no distractor can be made of {len(found[:limit])} gold answers")
    write_review(rows, out)
    kinds = _counted(rows)
    without = len(found[:limit]) - len({row.item for row in rows})
    if as_json:
        say_json({"out": str(out), "golds": len(found[:limit]), "kinds": kinds, "without": without})
        return
    console().print(f"{len(rows)} distractors of {len(found[:limit])} gold answers: {out}")
    console().print(", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    if without:
        console().print(f"{without} gold answers have none")
    console().print(f"Review it, then: espalier data distract --apply {out} --out items.jsonl")


def _apply(reviewed: Path, out: Path, *, accept_rest: bool, as_json: bool) -> None:
    """Make items of a review file, and say what share was rejected."""
    import json

    from espalier.distract import items, read_review, rejected
    from espalier.errors import DataError, MissingError
    from espalier.files import check_output, write_whole

    if not reviewed.is_file():
        raise MissingError(f"{reviewed}: no such file; `espalier data distract` writes one")
    check_output(out, inputs=[reviewed])
    rows = read_review(reviewed)
    made = items(rows, accept_rest=accept_rest)
    if not made:
        raise DataError(f"{reviewed}: every distractor is rejected, so there is no item to write")
    write_whole(out, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in made))
    shares = {kind: _share(*counts) for kind, counts in rejected(rows).items()}
    if as_json:
        say_json({"out": str(out), "items": len(made), "rejected": shares})
        return
    console().print(f"{len(made)} items: {out}")
    for kind, share in shares.items():
        low, high = share["interval"]
        console().print(
            f"{kind}: {share['rejected']} of {share['reviewed']} rejected "
            f"({low:.0%} to {high:.0%} with 95 % confidence)"
        )


def _share(rejected: int, reviewed: int) -> dict[str, Any]:
    """Return a share with its 95 % interval (Wilson's)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(rejected, reviewed, method="wilson")
    return {"rejected": rejected, "reviewed": reviewed, "interval": (float(low), float(high))}


def _counted(rows: list[Distractor]) -> dict[str, int]:
    from collections import Counter

    return dict(Counter(row.kind for row in rows).most_common())


def _of_file(path: str, form: str | None) -> list[Gold]:
    """Return the last replies of the conversations in a file."""
    from fractions import Fraction

    from espalier.distract import Gold
    from espalier.source import Source, read

    name = Path(path).name.split(".")[0] or "rows"
    source = Source(name="golds", path=path, format=form, bad_rows=Fraction(1))
    rows = read(source, Path()).messages
    return [
        Gold(item=f"{name}/{number}", prompt=tuple(turns[:-1]), text=turns[-1]["content"])
        for number, turns in enumerate(rows)
    ]


def _of_ability(name: str, folder: str | None) -> list[Gold]:
    """Return the targets of an ability."""
    from espalier.commands._common import asked_abilities
    from espalier.distract import Gold
    from espalier.errors import SpecError
    from espalier.scoring import make_ability

    asked = asked_abilities(name, folder, None)
    if len(asked) > 1:
        raise SpecError(f"--ability {name}: give one ability")
    use, options = asked[0]
    items = make_ability(use.use, options).items
    return [Gold(item=item.id, prompt=item.prompt, text=item.target) for item in items]
