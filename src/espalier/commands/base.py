"""`espalier base FILES --out DIR`: a tiny base model from raw text, in minutes on a CPU."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from espalier.commands._common import console, json_option, minutes, number, say_json

COUNT = click.IntRange(min=1)


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--name", default=None, help="What the card calls it; default: the folder's name.")
@click.option("--width", type=COUNT, default=128, show_default=True, help="Hidden size.")
@click.option("--layers", type=COUNT, default=4, show_default=True)
@click.option("--heads", type=COUNT, default=4, show_default=True)
@click.option(
    "--vocabulary",
    type=COUNT,
    default=2048,
    show_default=True,
    help="Entries of the tokenizer.",
)
@click.option(
    "--tokens",
    type=COUNT,
    default=2_000_000,
    show_default=True,
    help="Tokens to pretrain on.",
)
@click.option(
    "--window",
    type=COUNT,
    default=256,
    show_default=True,
    help="Tokens in one sequence.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--threads", type=COUNT, default=1, show_default=True)
@click.option("--force", is_flag=True, help="Write over a base that is there already.")
@json_option
def base(
    files: tuple[Path, ...],
    out: Path,
    name: str | None,
    width: int,
    layers: int,
    heads: int,
    vocabulary: int,
    tokens: int,
    window: int,
    seed: int,
    threads: int,
    force: bool,
    as_json: bool,
) -> None:
    """Make a tiny Llama from raw text FILES: tokenizer, ChatML template, pretrained weights.

    FILES are .txt, .json or .jsonl, also gzipped; of rows, all that was said is read.  The result
    is an ordinary Hugging Face folder that a study's `models:` can name.
    """
    from espalier.base import Shape, make_base, read_texts
    from espalier.errors import MissingError, SpecError

    if width % heads or (width // heads) % 2:
        raise SpecError(f"--width {width} must be an even multiple of --heads {heads}")
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]) and not force:
        raise SpecError(f"{out} is there already; --force writes over it")
    if find_spec("torch") is None:
        raise MissingError("torch is not installed; `pip install 'espalier[train]'`")
    shape = Shape(
        width=width,
        layers=layers,
        heads=heads,
        vocabulary=vocabulary,
        tokens=tokens,
        window=window,
        seed=seed,
    )
    card = make_base(read_texts(files), out, shape=shape, name=name or out.name, threads=threads)
    if as_json:
        say_json(card)
        return
    last = list(card["losses"].values())[-1] if card["losses"] else float("nan")
    console().print(
        f"{out}: {number(card['parameters'])} parameters, read {number(tokens)} tokens in "
        f"{minutes(card['seconds'])}, last loss {last:.3f}"
    )
