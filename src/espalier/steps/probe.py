"""Looking inside: the hidden states of queries at every layer, and how far apart they lie.

`states.npz` holds `states` (queries, layers + 1, width; float32), and `source` and `item` of each
query; layer 0 is the embeddings' output, the last is what the output layer reads.  `probe.json`
holds the measures, `points.parquet` the pictures, and `draws.npz` the bootstrap samples of the
silhouette (layers + 1, comparisons, samples), which are the same queries for every checkpoint: so
two checkpoints are compared sample by sample.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from espalier import separation
from espalier.ability import Ability, Item
from espalier.backend import backends
from espalier.errors import DataError, SpecError
from espalier.probe import Pool
from espalier.scoring import make_ability
from espalier.spec import Spec
from espalier.step import Locate, Site, Step, beside
from espalier.steps.train import Checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    States = NDArray[np.float32]


class Queries(Spec):
    """Some test items of one ability, and how a worker process makes them again."""

    name: str
    """The label of their states."""
    asked: str
    """Digest of what is asked."""
    count: int
    use: str = Field(exclude=True)
    options: dict[str, Any] = Field({}, exclude=True)

    def items(self) -> list[Item]:
        """Return the queries, made again in this process; refuse if they are others now."""
        found = pick(make_ability(self.use, self.options), self.count)
        if _digest(found) != self.asked:
            raise DataError(
                f"ability {self.use}: its items have changed since planning; plan and run again"
            )
        return found


def queries(
    name: str, ability: Ability, count: int, *, use: str, options: dict[str, Any]
) -> Queries:
    """Return `count` of the ability's items as queries under `name`, or refuse too few."""
    have = len(ability.items)
    if have < count:
        raise SpecError(
            f"probe.queries: ability '{name}' has {have} items, {count} are asked for; "
            "ask for fewer, or give it more items"
        )
    found = pick(ability, count)
    if len({unit(item) for item in found}) < 2:
        raise SpecError(
            f"probe.of: the queries of '{name}' are all of one cluster ({found[0].cluster}), so "
            "nothing can be held back; leave it out"
        )
    return Queries(name=name, asked=_digest(found), count=count, use=use, options=options)


def pick(ability: Ability, count: int) -> list[Item]:
    """Return `count` items in their order, chosen by the hash of their names.

    So a smaller number is part of a larger one, and an order by subject does no harm.
    """
    ranked = sorted(ability.items, key=lambda item: hashlib.sha256(item.id.encode()).digest())
    chosen = {item.id for item in ranked[:count]}
    return [item for item in ability.items if item.id in chosen]


def unit(item: Item) -> str:
    """Return what is independent of other items: the item, or the passage it shares."""
    return f"i {item.id}" if item.cluster is None else f"c {item.cluster}"


@dataclass(frozen=True, kw_only=True)
class Probe(Step):
    """Read the hidden states of queries out of a checkpoint, and measure them."""

    checkpoint: Checkpoint
    queries: tuple[Queries, ...]
    pool: Pool
    layers: tuple[int, ...] = ()
    """Layers to draw; none named: the middle one."""
    backend: str
    label: str = beside(default="")

    def check(self) -> None:
        """Raise `MissingError` where scikit-learn is not here."""
        separation.need()

    def run(self, out: Path, at: Locate, site: Site) -> None:
        """Read the states source by source, then measure every layer.

        Sources that a killed attempt has read are not read again.
        """
        self.check()
        asked = [group.items() for group in self.queries]
        labels = [q.name for q, items in zip(self.queries, asked, strict=True) for _ in items]
        items = [item for group in asked for item in group]
        states = self._states(asked, out, at, site)
        depth = states.shape[1] - 1
        shown = self.layers or (depth // 2,)
        if lacks := [layer for layer in shown if layer > depth]:
            raise SpecError(f"probe.layers: no layer {lacks[0]}; this model has 0 to {depth}")
        units = [unit(item) for item in items]
        measured = [
            separation.separations(states[:, layer], labels, units) for layer in range(depth + 1)
        ]
        np.savez_compressed(
            out / "states.npz",
            states=states,
            source=np.asarray(labels),
            item=np.asarray([item.id for item in items]),
        )
        draws = np.asarray([[one.draws for one in layer] for layer in measured], dtype=np.float32)
        np.savez_compressed(out / "draws.npz", draws=draws)
        pictures = _pictures(states, labels, [item.id for item in items], shown, out)
        told = {
            "pool": self.pool,
            "depth": depth,
            "width": int(states.shape[2]),
            "queries": {group.name: group.count for group in self.queries},
            "draws": separation.DRAWS,
            "folds": separation.FOLDS,
            "pictures": pictures,
            "measures": [
                {"layer": layer, "of": list(one.of), "silhouette": one.silhouette}
                | {"silhouette_interval": np.percentile(one.draws, (2.5, 97.5)).tolist()}
                | {"accuracy": one.accuracy, "accuracy_interval": _wilson(one)}
                | {"chance": one.chance, "units": one.units}
                for layer, found in enumerate(measured)
                for one in found
            ],
        }
        (out / "probe.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
        for part in (out / "parts").iterdir():
            part.unlink()
        (out / "parts").rmdir()

    def _states(self, asked: Sequence[Sequence[Item]], out: Path, at: Locate, site: Site) -> States:
        """Return the states of all queries, (queries, layers + 1, width)."""
        (out / "parts").mkdir(exist_ok=True)
        parts = [out / "parts" / f"{number:03}.npy" for number in range(len(asked))]
        todo = [n for n, part in enumerate(parts) if _kept(part) != len(asked[n])]
        folder = self.checkpoint.folder(at)
        with backends[self.backend].load(folder, site=site) if todo else nullcontext() as lm:
            for number in todo:
                if lm is not None:
                    read = lm.hidden([item.prompt for item in asked[number]], pool=self.pool)
                    aside = parts[number].with_suffix(".new")
                    with aside.open("wb") as file:
                        np.save(file, read)
                    aside.replace(parts[number])
        return np.concatenate([np.load(part) for part in parts])


def _kept(part: Path) -> int:
    """Return how many queries' states an attempt before has left in a file."""
    try:
        return len(np.load(part, mmap_mode="r"))
    except (OSError, ValueError, EOFError):
        return 0


def _pictures(
    states: States, labels: Sequence[str], items: Sequence[str], shown: Sequence[int], out: Path
) -> list[dict[str, Any]]:
    """Write one point for each query, layer and way of drawing; return what a reader must know."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    told, tables = [], []
    for layer in shown:
        principal, shares = separation.pca(states[:, layer])
        near, perplexity = separation.tsne(states[:, layer])
        told += [
            {"layer": layer, "way": "pca", "shares": shares.tolist()},
            {"layer": layer, "way": "tsne", "perplexity": perplexity, "seed": separation.SEED},
        ]
        for way, places in (("pca", principal), ("tsne", near)):
            columns = {"layer": [layer] * len(labels), "way": [way] * len(labels)}
            where = {"x": places[:, 0], "y": places[:, 1]}
            tables.append(pa.table({**columns, "source": labels, "item": items, **where}))
    pq.write_table(pa.concat_tables(tables), out / "points.parquet", compression="zstd")
    return told


def _wilson(one: separation.Separation) -> list[float]:
    """Return the 95 % interval of an accuracy; queries of one cluster count as one."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(one.accuracy * one.units, one.units, method="wilson")
    return [float(low), float(high)]


def _digest(items: Sequence[Item]) -> str:
    told = [[item.id, item.prompt, item.cluster] for item in items]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()
