"""Mixtures of another construction, side by side: which rows, not how many of one series.

Three changes are compared, one-stage mixtures of two or more sources only, model by model:

* *exchanged*: one source gives way to another of the same ability (a cleaned variant, say), and
  all other sources keep their rows;
* *added*: one source joins, or in designs that the table names several of no human origin do, and
  all others keep their rows;
* *rebuilt*: the table itself names the designs (`design` other than our own names), and two of
  them mix the same sources in other amounts.  Such names are a statement that the two are
  alternatives; without it every pair of cells would be one, and nothing could be tested.

The difference is the new mixture minus the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from espalier.analysis._draft import Draft, finding, signed, tests_of
from espalier.analysis._evidence import OVERALL, Block, Condition, Evidence, Panel

MANY = 6
"""More named designs than so many are each compared with the first alone."""
Mixture = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Two cells, and what makes the new one of them."""

    kind: str
    """`exchanged`, `added` or `rebuilt`."""
    new: Condition
    old: Condition
    source: str | None = None
    """The source that joined, where it is one."""
    instead_of: str | None = None
    """The source it took the place of."""


def constructions(panel: Panel, block: Block, evidence: Evidence) -> Iterator[Draft]:
    """Yield one finding for each change of construction between two cells of a model."""
    if panel.ability == OVERALL:
        return
    for change in block.layout.once("constructions", lambda: list(_changes(block, evidence))):
        yield _compare(panel, block, change, evidence)


def _changes(block: Block, evidence: Evidence) -> Iterator[Change]:
    cells = [c for c in block.finals if block.mixes(c)]
    yield from _exchanged(cells, evidence)
    yield from _added(cells)
    yield from _joined(cells, evidence)
    yield from _rebuilt(cells, evidence)


def _exchanged(cells: Sequence[Condition], evidence: Evidence) -> Iterator[Change]:
    """Yield cells that differ by one source for another of its ability, each at the same share."""
    by_rest: dict[tuple[str, tuple[tuple[str, int], ...]], list[tuple[str, Condition]]] = {}
    for c in cells:
        for name in c.mixture:
            rest = tuple(sorted((n, rows) for n, rows in c.mixture.items() if n != name))
            ability = evidence.origins[name].ability
            by_rest.setdefault((ability, rest), []).append((name, c))
    order = list(evidence.origins)
    for alike in by_rest.values():
        ranked = sorted(
            alike, key=lambda pair: (order.index(pair[0]), -sum(pair[1].mixture.values()))
        )
        for (old_name, old), (new_name, new) in combinations(ranked, 2):
            if old_name != new_name and _same_share(old, old_name, new, new_name, evidence):
                yield Change(
                    kind="exchanged", new=new, old=old, source=new_name, instead_of=old_name
                )


def _same_share(
    old: Condition, old_name: str, new: Condition, new_name: str, evidence: Evidence
) -> bool:
    """Say whether two sources bring equal rows, or equal shares of the most that there is."""
    a, b = old.mixture[old_name], new.mixture[new_name]
    if a == b:
        return True
    most_a, most_b = evidence.most[old_name], evidence.most[new_name]
    return (a - 1) / most_a <= (b + 1) / most_b and (b - 1) / most_b <= (a + 1) / most_a


def _added(cells: Sequence[Condition]) -> Iterator[Change]:
    by_mixture = {frozenset(c.mixture.items()): c for c in cells}
    for new in cells:
        for name in new.mixture:
            rest = frozenset(pair for pair in new.mixture.items() if pair[0] != name)
            if (old := by_mixture.get(rest)) is not None:
                yield Change(kind="added", new=new, old=old, source=name)


def _joined(cells: Sequence[Condition], evidence: Evidence) -> Iterator[Change]:
    """Yield named cells that several synthetic sources joined, each against what they joined."""
    named = [c for c in cells if frozenset(c.mixture.items()) in evidence.named]
    by_mixture = {frozenset(c.mixture.items()): c for c in named}
    for new in named:
        made = {n for n in new.mixture if evidence.origins[n].origin != "human"}
        rest = frozenset(pair for pair in new.mixture.items() if pair[0] not in made)
        if len(made) > 1 and (old := by_mixture.get(rest)) is not None:
            yield Change(kind="added", new=new, old=old)


def _rebuilt(cells: Sequence[Condition], evidence: Evidence) -> Iterator[Change]:
    by_sources: dict[frozenset[str], dict[str, Condition]] = {}
    for c in cells:
        name = evidence.named.get(frozenset(c.mixture.items()))
        if name is not None:
            by_sources.setdefault(frozenset(c.mixture), {}).setdefault(name, c)
    order = list(evidence.named.values())
    for named in by_sources.values():
        ranked = [named[n] for n in sorted(named, key=order.index)]
        pairs = (
            combinations(ranked, 2) if len(ranked) <= MANY else ((ranked[0], c) for c in ranked[1:])
        )
        for old, new in pairs:
            yield Change(kind="rebuilt", new=new, old=old)


def _compare(panel: Panel, block: Block, change: Change, evidence: Evidence) -> Draft:
    new, old = change.new, change.old
    effect = block.contrast([(new, 1.0), (old, -1.0)])
    names = [evidence.named.get(frozenset(c.mixture.items())) for c in (new, old)]
    return Draft(
        finding=finding(
            "mixing",
            panel,
            block,
            effect,
            evidence,
            rows=block.rows_of([new, old]),
            of="construction",
            change=change.kind,
            source=change.source,
            instead_of=change.instead_of,
            source_ability=evidence.origins[change.source].ability if change.source else None,
            origins=_origins(change, evidence),
            equal_size=_alike(sum(new.mixture.values()), sum(old.mixture.values())),
            nested=all(new.mixture.get(n, 0) >= rows for n, rows in old.mixture.items()),
            role=panel.role,
            amount=sum(panel.own(new.mixture).values()) or None,
            mixture=dict(new.mixture),
            against_mixture=dict(old.mixture),
            name=names[0],
            against=names[1],
            mixed=block.mean(new),
            against_score=block.mean(old),
        ),
        tests=tests_of(effect),
        verdict=signed(effect, panel.better, "helps", "hurts", "tied"),
    )


def _origins(change: Change, evidence: Evidence) -> list[str]:
    """Return who wrote the rows that the new mixture has more of."""
    old = change.old.mixture
    grown = [name for name, rows in change.new.mixture.items() if rows > old.get(name, 0)]
    return sorted({evidence.origins[name].origin for name in grown})


def _alike(a: int, b: int) -> bool:
    """Say whether two sizes differ by less than a hundredth."""
    return abs(a - b) < 0.01 * max(a, b)
