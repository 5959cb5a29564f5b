"""What the measures of hidden states say, as a sentence and a table: one row a place looked at.

A place is a checkpoint (a model, untuned or tuned by a strategy) at a layer that was drawn.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from espalier.report.numbers import Unit, fraction
from espalier.report.words import Words

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A checkpoint at one layer, with its measures."""

    model: str
    strategy: str
    k: float | None
    protocol: str
    layer: int
    key: str
    drawn: bool
    measures: dict[tuple[str, tuple[str, ...]], Row] = field(default_factory=dict)
    """(measure, labels) -> its row."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return all labels."""
        return max((of for _, of in self.measures), key=len)

    @property
    def pairs(self) -> list[tuple[str, ...]]:
        """Return each two labels, nearest first."""
        found = [of for measure, of in self.measures if measure == "silhouette" and len(of) == 2]
        return sorted(found, key=lambda of: self.measures["silhouette", of]["estimate"])

    @property
    def farthest(self) -> Row | None:
        """Return the row of the label that lies farthest from the others; none of two labels."""
        margins = [row for (measure, _), row in self.measures.items() if measure == "margin"]
        return max(margins, key=lambda row: row["estimate"], default=None)

    @property
    def apart(self) -> str:
        """Name the label that clearly lies apart, if one does."""
        row = self.farthest
        return names(row)[0] if row and row["low"] > 0 else ""

    def method(self, words: Words) -> str:
        """Write how the checkpoint was tuned."""
        if self.strategy == "base":
            return words("untuned")
        k = "" if self.k is None else f" k={fraction(self.k)}"
        return words.method(f"{self.strategy}{k}")


def names(row: Row) -> tuple[str, ...]:
    """Return the labels that a row is about."""
    return tuple(json.loads(row["of"]))


def places(probes: pd.DataFrame) -> list[Place]:
    """Return every checkpoint at every layer, in the table's order."""
    found: dict[tuple[Any, ...], Place] = {}
    for row in probes.to_dict("records"):
        k = None if row["k"] is None or row["k"] != row["k"] else float(row["k"])
        which = (row["model"], row["strategy"], k, row["protocol"], int(row["layer"]), row["key"])
        place = found.setdefault(which, Place(*which, drawn=bool(row["drawn"])))
        named: Row = {str(name): value for name, value in row.items()}
        place.measures[str(row["measure"]), names(named)] = named
    return list(found.values())


def drawn(probes: pd.DataFrame) -> list[Place]:
    """Return the places that are told about; a checkpoint of several protocols is told once."""
    once = {(place.key, place.layer): place for place in reversed(places(probes)) if place.drawn}
    return list(reversed(once.values()))


def note(probes: pd.DataFrame, words: Words) -> str:
    """Say which source lies apart, or that it is undecided, and how to read the numbers."""
    told = drawn(probes)
    pool = words(f"probe.pool.{probes['pool'].iloc[0]}")
    seeds = words("probe.seeds.many" if probes["seeds"].max() > 1 else "probe.seeds.one")
    how = words("probe.note", pool=pool, seeds=seeds)
    return words.sentences([*_said(told, words), how])


def _said(told: Sequence[Place], words: Words) -> Iterator[str]:
    count = len(told)
    found = Counter(place.apart for place in told if place.apart)
    if not any(place.farthest for place in told):
        yield words("probe.two")
    elif not found:
        yield words("probe.none", n=count)
    elif len(found) == 1 and found.total() == count:
        yield words("probe.all", n=count, source=next(iter(found)))
    else:
        parts = (words("probe.apart", source=source, n=n) for source, n in found.most_common())
        left = count - found.total()
        yield words("probe.some", m=found.total(), n=count, names=words.join(parts), open=left)
    nearest = Counter(place.pairs[0] for place in told if len(place.pairs) > 1)
    if nearest:
        ones = (
            words("probe.nearest.one", pair=words.names(pair), n=n, all=count)
            for pair, n in nearest.most_common()
        )
        yield words("probe.nearest", pairs=words.join(ones))


def table(probes: pd.DataFrame, words: Words) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the columns and one row for each place that was drawn."""
    heads = ("place", "margin", "pair", "silhouette", "change", "accuracy")
    rows = []
    for place in drawn(probes):
        everything = place.measures["silhouette", place.labels]
        farthest, pair = place.farthest, place.pairs[0] if place.pairs else ()
        where = words(
            "probe.where", model=place.model, method=place.method(words), layer=place.layer
        )
        rows.append(
            [
                where,
                _margin(farthest, words) if farthest else "–",
                f"{words.names(pair)} {_value(place.measures['silhouette', pair], words)}",
                _value(everything, words),
                _change(everything, words),
                _accuracy(place.measures["accuracy", place.labels], words),
            ]
        )
    return tuple(words(f"probe.{head}") for head in heads), rows


def _margin(row: Row, words: Words) -> str:
    value = _value(row, words, signed=True)
    source = names(row)[0]
    if row["low"] > 0:
        return f"{source} {value}"
    return words("probe.undecided", source=source, value=value)


def _value(row: Row, words: Words, *, signed: bool = False) -> str:
    write = Unit(False, to=words("unit.to"))
    ends = (row["low"], row["high"])
    if signed:
        return f"{write.difference(row['estimate'])} ({write.difference_interval(ends)})"
    return f"{write.score(row['estimate'])} ({write.score_interval(ends)})"


def _change(row: Row, words: Words) -> str:
    if row["change"] is None or row["change"] != row["change"]:
        return "–"
    write = Unit(False, to=words("unit.to"))
    ends = write.difference_interval((row["change_low"], row["change_high"]))
    open_ = row["change_low"] <= 0 <= row["change_high"]
    said = f"{write.difference(row['change'])} ({ends})"
    return f"{words('verdict.undecided')}{words('list.comma')}{said}" if open_ else said


def _accuracy(row: Row, words: Words) -> str:
    write = Unit(True, words("unit.points"), words("unit.to"))
    interval = write.score_interval((row["low"], row["high"])).removesuffix("\u00a0%")
    chance = f"{words('chance')} {write.score(row['chance'])}"
    return f"{write.score(row['estimate'])} ({interval}){words('list.semicolon')}{chance}"
