"""Collect: from the store to the rows of the results table, in the order of the plan.

What is not in the store is not in the table; `missing` says what that is.  Nothing that a machine
or a clock decides enters the table, so the same study gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from espalier.errors import DataError
from espalier.plan import Measurement, Plan
from espalier.step import Key
from espalier.steps.evaluate import Exam, Score
from espalier.steps.train import Checkpoint, Pretrained, Snapshot, Train
from espalier.store import Store, read_json
from espalier.study import AbilityUse

if TYPE_CHECKING:
    import pandas as pd

    from espalier.results import Origin


Spent = tuple[int | None, int | None]
"""Updates and supervised tokens; None where no record tells."""


def collect(plan: Plan, store: Store) -> pd.DataFrame:
    """Return one row for each finished measurement, and for each design that asked for it."""
    import pandas as pd

    from espalier.results import COLUMNS

    spent: dict[str, Spent] = {}
    rows = [row for m in plan.measurements for row in _rows(m, plan, store, spent)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def untuned(
    model: str,
    parameters: int | None,
    scores: Sequence[tuple[AbilityUse, Exam, Score]],
    store: Store,
) -> pd.DataFrame:
    """Return one row for each finished score of a model outside any study."""
    import pandas as pd

    from espalier.results import COLUMNS

    rows = [
        {"model": model, "parameters": parameters, "strategy": "base", "design": "base"}
        | {"stage": 0, "stages": 0, "amounts": "{}", "protocol": "epochs"}
        | {"updates": 0, "tokens": 0, "seed": 0, "data_seed": 0, "split": "test"}
        | _measured(use, exam, score, store, use.role or exam.ability.role or "out")
        for use, exam, score in scores
        if store.has(score)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def items(plan: Plan, store: Store) -> pd.DataFrame:
    """Return the per-item scores beside the table: key, item, score, chance, cluster."""
    import pandas as pd
    import pyarrow.parquet as pq

    columns = ["item", "score", "chance", "cluster"]
    frames: list[pd.DataFrame] = []
    for key, score in {m.score.key: m.score for m in plan.measurements}.items():
        path = store.path(score) / "items.parquet"
        if store.has(score) and path.exists():
            frame = pq.read_table(path, columns=columns).to_pandas()
            frame.insert(0, "key", key)
            frames.append(frame)
    if not frames:
        return pd.DataFrame(columns=["key", *columns])
    return pd.concat(frames, ignore_index=True)


def origins(plan: Plan) -> tuple[Origin, ...]:
    """Return what each source teaches and who wrote it, as the table's sidecar says it."""
    from espalier.results import Origin

    return tuple(
        Origin(name=s.name, ability=s.ability, origin=s.origin) for s in plan.study.sources
    )


def missing(
    plan: Plan, store: Store, reasons: Mapping[Key, str] | None = None
) -> list[tuple[str, str]]:
    """Return (what, why) of every training stage and measurement that is not there.

    `reasons` tells why a step was never asked for.
    """
    found = []
    told = reasons or {}
    for step in plan.steps.values():
        if not store.has(step):
            label = step.remarks().get("label") or step.remarks().get("ability") or ""
            failed = store.failure(step)
            if failed or isinstance(step, Train):
                found.append(
                    (
                        f"{step.kind} {step.key} {label}".strip(),
                        failed or told.get(step.key) or "not run yet",
                    )
                )
    return found


def _rows(
    m: Measurement, plan: Plan, store: Store, spent: dict[str, Spent]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one measurement: one for each design that asks for its cell."""
    if not store.has(m.score):
        return
    updates, tokens = _spent(m.score.answer.checkpoint, store, spent)
    known = planned_row(m, plan) | {"updates": updates, "tokens": tokens}
    row = known | _measured(m.use, m.exam, m.score, store, known["role"])
    for design in m.cell.designs if m.cell else ("base",):
        yield row | {"design": design}


def planned_row(m: Measurement, plan: Plan) -> dict[str, Any]:
    """Return the columns of a measurement that are known before it is made."""
    taught = {s.ability for s in plan.study.sources}
    role = m.use.role or m.exam.ability.role or ("in" if m.use.name in taught else "out")
    amounts = dict(m.cell.mixture) if m.cell else {}
    return {
        "model": m.model.name,
        "parameters": plan.catalog.models[m.model.name].parameters,
        "strategy": m.cell.strategy if m.cell else "base",
        "k": m.cell.k if m.cell else None,
        "stage": m.stage,
        "stages": len(m.cell.stages) if m.cell else 0,
        "amounts": json.dumps(amounts, sort_keys=True),
        "epoch": _epochs(m.score.answer.checkpoint),
        "protocol": m.protocol,
        "seed": m.cell.seed if m.cell else 0,
        "data_seed": m.cell.data_seed if m.cell else 0,
        "ability": m.use.name,
        "role": role,
        "split": m.split,
        "suite": m.exam.ability.suite or m.use.name,
        "key": m.score.key,
    }


def _measured(use: AbilityUse, exam: Exam, score: Score, store: Store, role: str) -> dict[str, Any]:
    """Return the columns that a score itself fills."""
    result = read_json(store.path(score) / "score.json")
    if "score" not in result:
        raise DataError(
            f"{store.path(score)}: its score.json is gone or damaged; delete the folder and run "
            "the study again"
        )
    taken = ("metric", "score", "stderr", "n", "chance", "higher_is_better")
    return {
        "ability": use.name,
        "role": role,
        "suite": exam.ability.suite or use.name,
        "key": score.key,
    } | {name: result[name] for name in taken}


def _spent(checkpoint: Checkpoint, store: Store, known: dict[str, Spent]) -> Spent:
    """Return the optimiser updates and supervised tokens of all stages up to a checkpoint.

    Unknown where the record of a stage is gone: that is not zero.
    """
    if isinstance(checkpoint, Pretrained):
        return 0, 0
    if checkpoint.key not in known:
        training = checkpoint.of if isinstance(checkpoint, Snapshot) else checkpoint
        updates, tokens = _spent(training.start, store, known)
        record = read_json(store.path(training) / "train.json")
        if isinstance(checkpoint, Snapshot):
            so_far = record.get("kept", {}).get(str(checkpoint.update))
            told = {"updates": checkpoint.update, "supervised_tokens": so_far}
            record = {} if so_far is None else told
        if updates is None or tokens is None or not {"updates", "supervised_tokens"} <= set(record):
            known[checkpoint.key] = None, None
        else:
            added = int(record["updates"]), int(record["supervised_tokens"])
            known[checkpoint.key] = updates + added[0], tokens + added[1]
    return known[checkpoint.key]


def _epochs(checkpoint: Checkpoint) -> float | None:
    """Return the passes over the last stage's rows."""
    if isinstance(checkpoint, Pretrained):
        return None
    training = checkpoint.of if isinstance(checkpoint, Snapshot) else checkpoint
    rows = sum(draw.rows for draw in training.data.draws)
    updates = training.recipe.count_updates(rows)
    if isinstance(checkpoint, Snapshot):
        updates = checkpoint.update
    return round(updates * training.recipe.batch_size / rows, 6)
