"""Make bases of a world: `python -m espalier.tunnel.make [NAME...] [--world SEED] [--out DIR]`.

They are made from the world's raw text by the same code as any other base, so anyone can repeat
or change them.  Without names the shipped ones are made, two at a time, each on one core.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from espalier.base import Shape, make_base
from espalier.errors import EspalierError, SpecError, choices
from espalier.tunnel import own_folder
from espalier.tunnel.corpus import corpus, words
from espalier.tunnel.measure import measure, table
from espalier.tunnel.world import World

_TOKENS = 10_000_000
_TOKENS_A_DOCUMENT = 23
"""Rather fewer than a document has, so that no text is seen twice."""

SHAPES: Mapping[str, Shape] = {
    name: Shape(
        width=width,
        layers=layers,
        heads=heads,
        vocabulary=1_536,
        tokens=_TOKENS,
        window=64,
        batch=16,
        learning_rate=rate,
    )
    for name, width, layers, heads, rate in (
        ("xs", 32, 2, 4, 4e-3),
        ("s", 64, 3, 4, 2.5e-3),
        ("m", 96, 4, 4, 2e-3),
        ("l", 192, 5, 6, 1.2e-3),
    )
}
"""The bases, smallest first."""

SHIPPED = ("xs", "s", "m")
"""Those that come with the package, of world 0; every other is made on demand."""


def make(name: str, out: Path, *, world: World | None = None, items: int = 200) -> dict[str, Any]:
    """Make the base `name` of a world in the folder `out` and return its card.

    The card says of which world it is and what it scores untuned, on `items` items a task.  What
    was in `out` is replaced once the base is whole.
    """
    if name not in SHAPES:
        raise SpecError(f"no base '{name}' in the tunnel; {choices(name, SHAPES)}")
    world, shape = world or World(), SHAPES[name]
    title = f"tunnel base {name}" + (f" of world {world.seed}" if world.seed else "")
    aside = out.with_name(f".{out.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    texts = list(islice(corpus(world), texts_for(shape)))
    card = make_base(texts, aside, shape=shape, words=words(world), name=title)
    card |= {"world": world.seed, "scores": measure(aside, world=world.seed, items=items)}
    (aside / "base.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    readme = (aside / "README.md").read_text(encoding="utf-8")
    told = f"What it scores before any tuning (with 95 % intervals), of world {world.seed}:"
    (aside / "README.md").write_text(f"{readme}\n{told}\n\n{table(card['scores'])}\n", "utf-8")
    shutil.rmtree(out, ignore_errors=True)
    aside.rename(out)
    return card


def texts_for(shape: Shape) -> int:
    """Return how many documents a base of this shape is pretrained on."""
    return shape.tokens // _TOKENS_A_DOCUMENT


def home(name: str, world: int) -> Path:
    """Return where a base belongs: within the package if it ships, else among the user's own."""
    if name in SHIPPED and world == 0:
        return Path(__file__).parent / "bases" / name
    return own_folder(name, world)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--world", type=click.IntRange(min=0), default=0, show_default=True, help="Its seed.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Default: its place.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
def main(names: tuple[str, ...], world: int, out: Path | None, processes: int) -> None:
    """Make the bases NAME (xs, s, m, l), by default those that ship, of a world.

    They go where `tunnel:NAME` finds them, or, with --out DIR, to DIR/NAME.
    """
    try:
        for name, folder, card in _made(names or SHIPPED, world, out, processes):
            click.echo(f"{name}: {folder}, {card['parameters']:,} parameters, {card['seconds']} s")
    except EspalierError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _made(
    names: Iterable[str], world: int, out: Path | None, processes: int
) -> Iterable[tuple[str, Path, dict[str, Any]]]:
    """Yield the bases as they get ready; the largest are begun first."""
    if unknown := [name for name in names if name not in SHAPES]:
        raise SpecError(f"no base '{unknown[0]}' in the tunnel; {choices(unknown[0], SHAPES)}")
    folders = {name: out / name if out else home(name, world) for name in names}
    largest_first = sorted(folders, key=list(SHAPES).index, reverse=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        made = {
            pool.submit(make, name, folders[name], world=World(seed=world)): name
            for name in largest_first
        }
        for future in as_completed(made):
            yield made[future], folders[made[future]], future.result()


if __name__ == "__main__":
    main()
