"""What the probes of a study found: rows beside the results table, and points to draw.

One row for each (checkpoint, layer, comparison, measure).  Where it is tuned, a row also holds how
much the measure has changed from the untuned model on the same queries.

* `silhouette`: of all labels together, or of a pair;
* `accuracy`: of the linear probe, for the same;
* `margin`: of one label, the least silhouette of its pairs minus the largest of the pairs without
  it.  Above 0 it lies farther from every other than any two others lie from each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from espalier.errors import DataError
from espalier.looks import Look
from espalier.plan import Plan
from espalier.store import Store, read_json

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("model", "parameters", "strategy", "k", "stage", "stages", "amounts", "protocol"),
    *("seed", "data_seed", "pool", "layer", "layers", "drawn", "of", "measure"),
    *("estimate", "low", "high", "change", "change_low", "change_high", "chance", "n", "key"),
)
"""`of` is a JSON list of labels; `layers` is the number of the last; `n` counts queries."""

Draws = NDArray[np.floating]


def probed(plan: Plan, store: Store) -> pd.DataFrame:
    """Return the rows of every finished probe, in the order of the plan; 95 % intervals."""
    import pandas as pd

    done = [look for look in plan.looks if store.has(look.step)]
    before = {(look.model.name, look.protocol): look for look in done if look.cell is None}
    rows = [
        row
        for look in done
        for row in _rows(look, before.get((look.model.name, look.protocol)), plan, store)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def points(plan: Plan, store: Store) -> pd.DataFrame:
    """Return one point for each query, drawn layer and way of drawing, checkpoints by key.

    Columns: key, layer, way (`pca` or `tsne`), source, x, y.
    """
    import pandas as pd

    columns = ["layer", "way", "source", "x", "y"]
    steps = {look.step.key: look.step for look in plan.looks if store.has(look.step)}
    frames = []
    for key, step in steps.items():
        frame = pd.read_parquet(store.path(step) / "points.parquet", columns=columns)
        frame.insert(0, "key", key)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _rows(look: Look, before: Look | None, plan: Plan, store: Store) -> Iterator[dict[str, Any]]:
    """Yield the rows of one checkpoint."""
    told = _told(look, store)
    cell = look.cell
    common = {
        "model": look.model.name,
        "parameters": plan.catalog.models[look.model.name].parameters,
        "strategy": cell.strategy if cell else "base",
        "k": cell.k if cell else None,
        "stage": len(cell.stages) if cell else 0,
        "stages": len(cell.stages) if cell else 0,
        "amounts": json.dumps(dict(cell.mixture) if cell else {}, sort_keys=True),
        "protocol": look.protocol,
        "seed": cell.seed if cell else 0,
        "data_seed": cell.data_seed if cell else 0,
        "pool": told["pool"],
        "layers": told["depth"],
        "key": look.step.key,
    }
    was = before if before is not None and cell is not None else None
    mine, then = _margins(look, store), _margins(was, store) if was else {}
    drawn = {picture["layer"] for picture in told["pictures"]}
    for (layer, of, measure), (estimate, draws) in mine.items():
        known = told["known"].get((layer, of))
        row: dict[str, Any] = {"layer": layer, "of": json.dumps(of), "measure": measure}
        row |= {"drawn": layer in drawn, "estimate": estimate}
        row |= {"n": sum(told["queries"][name] for name in of)}
        if measure == "accuracy":
            row["chance"] = known["chance"]
            row["low"], row["high"] = known["accuracy_interval"]
        elif draws is not None:
            row["low"], row["high"] = _ends(draws)
        if (layer, of, measure) in then:
            past, past_draws = then[layer, of, measure]
            row["change"] = estimate - past
            if draws is not None and past_draws is not None:
                row["change_low"], row["change_high"] = _ends(draws - past_draws)
        yield common | row


Found = Mapping[tuple[int, tuple[str, ...], str], tuple[float, Draws | None]]
"""(layer, labels, measure) -> the estimate and its bootstrap samples, where it has any."""


def _margins(look: Look, store: Store) -> Found:
    """Return all that a probe measured, with the margin of every label."""
    told, draws = _told(look, store), _draws(str(store.path(look.step) / "draws.npz"))
    names = tuple(told["queries"])
    comparisons = list(dict.fromkeys(of for _, of in told["known"]))
    found: dict[tuple[int, tuple[str, ...], str], tuple[float, Draws | None]] = {}
    for layer in range(told["depth"] + 1):
        sampled = {of: draws[layer, place] for place, of in enumerate(comparisons)}
        for of in comparisons:
            known = told["known"][layer, of]
            found[layer, of, "silhouette"] = known["silhouette"], sampled[of]
            found[layer, of, "accuracy"] = known["accuracy"], None
        pairs = [of for of in comparisons if len(of) == 2]
        for name in names if len(names) > 2 else ():
            own = [of for of in pairs if name in of]
            others = [of for of in pairs if name not in of]
            each = {of: told["known"][layer, of]["silhouette"] for of in pairs}
            margin = min(each[of] for of in own) - max(each[of] for of in others)
            least = np.min([sampled[of] for of in own], axis=0)
            most = np.max([sampled[of] for of in others], axis=0)
            found[layer, (name,), "margin"] = margin, least - most
    return found


def _told(look: Look, store: Store) -> dict[str, Any]:
    """Return what a probe wrote, its measures by layer and labels."""
    told = read_json(store.path(look.step) / "probe.json")
    if "measures" not in told:
        raise DataError(
            f"{store.path(look.step)}: its probe.json is gone or damaged; delete the folder and "
            "run the study again"
        )
    told["known"] = {(one["layer"], tuple(one["of"])): one for one in told["measures"]}
    return told


@lru_cache(maxsize=256)
def _draws(file: str) -> Draws:
    with np.load(file) as held:
        draws: Draws = held["draws"]
    return draws


def _ends(draws: Draws) -> Sequence[float]:
    return [float(end) for end in np.percentile(draws, (2.5, 97.5))]


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over replicates of each row, with `seeds` in place of the seeds.

    All replicates are asked the same queries, whose noise therefore does not shrink: the interval
    of several is that of one (their mean half-width) and Student's t of the replicates' scatter,
    added in quadrature.  The key is the first replicate's.
    """
    import pandas as pd

    held = {"estimate", "low", "high", "change", "change_low", "change_high"}
    same = [c for c in COLUMNS if c not in held | {"seed", "data_seed", "chance", "n", "key"}]
    found = []
    for where, group in rows.groupby(same, sort=False, dropna=False):
        row = dict(zip(same, where, strict=True)) | {"seeds": len(group)}
        row |= {name: group[name].iloc[0] for name in ("chance", "n", "key")}
        for name, ends in (("estimate", ""), ("change", "change_")):
            low, high = f"{ends}low", f"{ends}high"
            row |= _pooled(group[name], group[low], group[high], (name, low, high))
        found.append(row)
    kept = [c for c in COLUMNS if c not in ("seed", "data_seed")]
    return pd.DataFrame(found, columns=[*kept, "seeds"])


def _pooled(
    values: pd.Series, low: pd.Series, high: pd.Series, names: Sequence[str]
) -> dict[str, Any]:
    """Return the mean of replicates and the ends of its interval, by these names."""
    from scipy.special import stdtrit

    count, middle = len(values), float(values.mean())
    if count == 1:
        return dict(zip(names, (middle, float(low.iloc[0]), float(high.iloc[0])), strict=True))
    own = float((high - low).mean()) / 2
    scatter = float(stdtrit(count - 1, 0.975) * values.std(ddof=1)) / count**0.5
    half = float(np.hypot(own, scatter))
    return dict(zip(names, (middle, middle - half, middle + half), strict=True))
