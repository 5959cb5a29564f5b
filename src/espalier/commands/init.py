"""`espalier init NAME`: a study file to edit, on your own data or like a shipped one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from espalier.commands._common import json_option, say_json

TEMPLATE = """\
# yaml-language-server: $schema=./study.schema.json
# A study: the product of models, designs (which mixtures), strategies (in which stages) and seeds.
#   espalier plan {name}.yaml     shows what it will do and cost
#   espalier run {name}.yaml      does it; the same command goes on where it stopped
name: {name}
question: How much of which data, and in which order?

models:                 # a local folder, a Hugging Face hub id, or tunnel:xs and the like
  - tunnel:xs

sources:                # what may be trained on; rows in any common format, plain or gzipped
  - {{name: math, path: "tunnel:math", ability: math, origin: human}}
  - {{name: chat, path: "tunnel:general", ability: general, origin: human}}
  # - {{name: mine, path: data/mine.jsonl, ability: mine, origin: user, hold_out: 200}}

designs:                # which mixtures; amounts in rows, share, epochs, tokens, supervised_tokens
  - {{name: single, rows: [64, 256]}}
  - {{name: together, rows: [64, 256]}}
  # - {{name: vary, of: [math], fixed: {{chat: {{rows: 256}}}}, rows: [64, 256]}}

strategies:             # in which stages a mixture is trained; a list of k is a sweep
  - multitask
  - {{name: dmt, general: chat, k: [1/16, 1/4]}}
  # - {{name: sequential, order: [math, chat]}}
  # - {{name: mixed_sequential, general: chat}}

seeds: 2                # replicates; without at least two, little can be said with certainty

abilities:              # what is measured
  - tunnel:math
  - tunnel:general
  # - {{name: mine, use: held_out, source: mine}}    # NLL of replies never trained on

measure: every_stage    # or last

train:                  # hyper-parameters of every stage; `stages:` changes them stage by stage
  epochs: 4             # or updates: 300
  min_updates: 30
  batch_size: 8
  learning_rate: 1e-3
  max_length: 256
"""


@click.command()
@click.argument("name")
@click.option("--like", help="Copy a shipped study instead: quickstart, ....")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
def init(name: str, like: str | None, force: bool, as_json: bool) -> None:
    """Write NAME.yaml, a study file to edit, with a schema beside it for your editor."""
    import re

    from espalier.errors import SpecError, choices
    from espalier.files import write_whole
    from espalier.load import shipped
    from espalier.schema import schema

    path = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    known = shipped()
    if like is not None and like not in known:
        raise SpecError(f"no shipped study '{like}'; {choices(like, known)}")
    if not re.fullmatch(r"\w[\w.+-]*", path.stem):
        raise SpecError(f"'{path.stem}' is no name for a study; use letters, digits and . _ + -")
    if path.exists() and not force:
        raise SpecError(f"{path} is there already; --force writes over it")
    if like is None:
        text = TEMPLATE.format(name=path.stem)
    else:
        source = known[like].read_text(encoding="utf-8")
        text = re.sub(r"(?m)^name: .*$", f"name: {path.stem}", source, count=1)
    write_whole(path, text)
    write_whole(path.parent / "study.schema.json", json.dumps(schema(), indent=2) + "\n")
    if as_json:
        say_json({"study": str(path), "schema": str(path.parent / "study.schema.json")})
    else:
        click.echo(f"{path} written; next: espalier plan {path}")
