"""Which checkpoints a study looks into, and the probes that do it.

measurements' ends --> the untuned model, and each strategy's largest cell --> one Probe each
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.errors import SpecError
from espalier.probe import Probing
from espalier.step import Key
from espalier.steps.probe import Probe, Queries, queries
from espalier.steps.train import Checkpoint, Train
from espalier.study import Cell, Model
from espalier.work import Work

if TYPE_CHECKING:
    from espalier.catalog import Catalog

End = tuple[Model, Cell, Checkpoint]
"""A cell with the checkpoint after its last stage."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One checkpoint that is looked into."""

    model: Model
    cell: Cell | None
    """None: the model before any tuning."""
    protocol: str
    step: Probe


def looks(
    probing: Probing, catalog: Catalog, ends: Iterable[End]
) -> tuple[tuple[Look, ...], dict[Key, Work]]:
    """Return what is looked into, untuned models first, and the work of each probe.

    Raises `SpecError` for layers or queries that are not there, or where no cell is chosen.
    """
    chosen = _largest(probing, ends)
    if not chosen:
        named = ", ".join(probing.strategies) or "the study's strategies"
        shares = f" at k = {', '.join(map(str, probing.k))}" if probing.k else ""
        raise SpecError(f"probe: no cell is trained by {named}{shares}; name others")
    asked = _queries(probing, catalog)
    found: dict[tuple[Key, str], Look] = {}
    work: dict[Key, Work] = {}
    untuned = [(model, None, cell.protocol, _first(end)) for model, cell, end in chosen]
    tuned = [(model, cell, cell.protocol, end) for model, cell, end in chosen]
    for model, cell, protocol, checkpoint in (*untuned, *tuned):
        _check_layers(probing, model, catalog.models[model.name].folder)
        step = Probe(
            checkpoint=checkpoint,
            queries=asked,
            pool=probing.pool,
            layers=tuple(sorted(probing.layers)),
            backend=catalog.study.backend,
            label=f"{model.name}, {cell.strategy if cell else 'untuned'}",
        )
        look = Look(model=model, cell=cell, protocol=protocol, step=step)
        found.setdefault((step.key, protocol), look)
        work.setdefault(step.key, _work(asked, model, catalog))
    return tuple(found.values()), work


def _largest(probing: Probing, ends: Iterable[End]) -> list[End]:
    """Return of each model, strategy and replicate the cell of most sources, then of most rows."""
    best: dict[tuple[Any, ...], End] = {}
    first: dict[tuple[str, str], tuple[int, int]] = {}
    for end in ends:
        model, cell, _ = end
        if probing.strategies and cell.strategy not in probing.strategies:
            continue
        if probing.k and cell.k is not None and cell.options["k"] not in probing.k:
            continue
        seeds = (cell.data_seed, cell.seed)
        if probing.seeds == "first" and seeds != first.setdefault(
            (model.name, cell.protocol), seeds
        ):
            continue
        where = (cell.protocol, model.name, cell.strategy, cell.k, *seeds)
        if where not in best or _size(cell) > _size(best[where][1]):
            best[where] = end
    return list(best.values())


def _size(cell: Cell) -> tuple[int, int]:
    return len(cell.mixture), sum(cell.mixture.values())


def _first(checkpoint: Checkpoint) -> Checkpoint:
    """Return where a cell began."""
    while isinstance(checkpoint, Train):
        checkpoint = checkpoint.start
    return checkpoint


def _queries(probing: Probing, catalog: Catalog) -> tuple[Queries, ...]:
    exams = {use.name: exam for use, exam in catalog.exams}
    asked = []
    for name in probing.of or exams:
        exam = exams[name]
        made = next(iter(exam.questions.values()))
        asked.append(
            queries(name, exam.ability, probing.queries, use=made.use, options=made.options)
        )
    if len(asked) < 2:
        raise SpecError(
            f"probe: the study measures '{asked[0].name}' alone, and one ability cannot be told "
            "apart; measure two or more"
        )
    return tuple(asked)


def _check_layers(probing: Probing, model: Model, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    depth = config.get("num_hidden_layers", config.get("text_config", {}).get("num_hidden_layers"))
    for layer in probing.layers:
        if depth is not None and layer > depth:
            raise SpecError(
                f"probe.layers: no layer {layer} in model '{model.name}'; it has 0 (the "
                f"embeddings) to {depth}.  Leave `layers` out for the middle one of each model"
            )


def _work(asked: tuple[Queries, ...], model: Model, catalog: Catalog) -> Work:
    """Estimate the work of reading; measuring takes seconds and is learnt from finished steps."""
    rows = sum(group.count for group in asked)
    exams = {use.name: exam for use, exam in catalog.exams}
    tokens = sum(
        group.count
        * catalog.prompt_tokens(model.name, [i.prompt for i in exams[group.name].ability.items])
        for group in asked
    )
    parameters = catalog.models[model.name].parameters or 0
    return Work(
        rows=rows,
        tokens=tokens,
        flops=2.0 * parameters * tokens,
        disk=20_000.0 * rows,
        parameters=parameters,
    )
