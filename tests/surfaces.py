"""Response surfaces with a known optimum, for the recommendation: several families of truth.

None is of the family that is fitted.  A surface says what a cell of any amounts and strategy
scores on each ability; growth is of one of four forms, and the sources help or disturb each other
in one of five ways.  Sequential training forgets what later stages do not repeat, the more of
them the more; DMT keeps more with a larger `k` and disturbs the last source more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulate import ABILITIES, AMOUNTS, KS, Cell, grid

Growth = Callable[[float], float]
Plain = Callable[[Mapping[str, float], str], float]
"""What training on everything at once scores: (amounts, ability) -> share."""

FAMILIES = ("worth", "additive", "capacity", "ratio", "crossover")
FORMS = ("flat", "log-linear", "saturating power", "logistic")


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One truth."""

    family: str
    plain: Plain
    base: Mapping[str, float]
    keeping: Mapping[str, float]
    """Ability -> what a doubling of later rows leaves of its gain."""
    half: float
    """Later rows that begin to make forget."""
    q: float
    """How fast a replayed share restores: its power."""
    forms: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, cell: Cell, ability: str) -> float:
        """Return the expected score, as `simulate.table` asks for it."""
        return self.score(cell.amounts, cell.strategy, cell.k, ability)

    def score(
        self, amounts: Mapping[str, float], strategy: str, k: float | None, ability: str
    ) -> float:
        """Return the expected score of an ability after training on `amounts`."""
        amounts = {name: n for name, n in amounts.items() if n > 0}
        if not amounts:
            return self.base[ability]
        order = [name for name in ABILITIES if name in amounts]
        if strategy == "multitask" or len(order) == 1:
            return float(np.clip(self.plain(amounts, ability), 0.01, 0.99))
        special, last = order[:-1], order[-1]
        stages = [[name] for name in order] if strategy == "sequential" else [special, [last]]
        scores = self._staged(stages, amounts, ability)
        if strategy == "dmt" and k:
            part = k**self.q
            scores += part * (self.plain(amounts, ability) - scores)
        return float(np.clip(scores, 0.01, 0.99))

    def _staged(
        self, stages: Sequence[Sequence[str]], amounts: Mapping[str, float], ability: str
    ) -> float:
        gain = 0.0
        for stage in stages:
            rows = {name: amounts[name] for name in stage}
            made = self.plain(rows, ability) - self.base[ability]
            left = self.keeping[ability] ** np.log2(1 + sum(rows.values()) / self.half)
            gain = max(gain * left, made) if made > 0 else gain * left + 0.5 * made
        return self.base[ability] + gain


def draw(random: np.random.Generator, family: str | None = None) -> Surface:
    """Draw a surface; every ability has a form of growth of its own."""
    family = family or str(random.choice(FAMILIES))
    forms = {a: str(random.choice(FORMS, p=[0.1, 0.3, 0.3, 0.3])) for a in ABILITIES}
    base = {a: float(random.uniform(0.05, 0.3)) for a in ABILITIES}
    grow = {a: _growth(forms[a], base[a], random) for a in ABILITIES}
    plain = _remembering(PLAINS[family](grow, base, random))
    return Surface(
        family=family,
        plain=plain,
        base=base,
        keeping={a: float(random.uniform(0.85, 0.99)) for a in ABILITIES},
        half=float(random.uniform(50, 500)),
        q=float(random.uniform(0.1, 0.5)),
        forms=forms,
    )


def _remembering(plain: Plain) -> Plain:
    """Return the same truth, which works out each mixture once: a search asks for it often."""
    known: dict[tuple[str, tuple[tuple[str, float], ...]], float] = {}

    def again(amounts: Mapping[str, float], ability: str) -> float:
        key = ability, tuple(amounts.items())
        if key not in known:
            known[key] = plain(amounts, ability)
        return known[key]

    return again


def _growth(form: str, base: float, random: np.random.Generator) -> Growth:
    """Return score as a function of (effective) own rows: `base` without any."""
    gain = float(random.uniform(0.15, 0.6))
    if form == "flat":
        low = float(random.uniform(0, 0.03))
        return lambda n: base + low * min(n / 64, 1.0)
    if form == "log-linear":
        per = gain / np.log2(1 + 16384 / 32)
        return lambda n: base + float(per * np.log2(1 + n / 32))
    if form == "saturating power":
        c, scale = float(random.uniform(0.4, 1.2)), float(random.uniform(30, 1000))
        return lambda n: base + gain * (1 - (1 + n / scale) ** -c)
    steep, middle = float(random.uniform(0.8, 2.0)), float(random.uniform(6.5, 12.0))
    zero = 1 / (1 + np.exp(steep * middle))
    return lambda n: (
        base + gain * float(1 / (1 + np.exp(-steep * (np.log2(1 + n) - middle))) - zero)
    )


def _pairs(random: np.random.Generator, low: float, high: float) -> dict[tuple[str, str], float]:
    return {(a, b): float(random.uniform(low, high)) for a in ABILITIES for b in ABILITIES}


def _worth(
    grow: Mapping[str, Growth], base: Mapping[str, float], random: np.random.Generator
) -> Plain:
    """Others' rows are worth some own rows, with diminishing returns; a mild conflict on top."""
    tau, gamma = _pairs(random, -4, -0.5), float(random.uniform(0.6, 1.0))
    cost = _pairs(random, -0.005, 0.012)

    def plain(amounts: Mapping[str, float], ability: str) -> float:
        others = [(n, name) for name, n in amounts.items() if name != ability]
        worth = amounts.get(ability, 0) + sum(10 ** tau[ability, o] * n**gamma for n, o in others)
        lost = sum(cost[ability, o] * np.log2(1 + n / 256) for n, o in others)
        return float(grow[ability](worth) - lost)

    return plain


def _additive(
    grow: Mapping[str, Growth], base: Mapping[str, float], random: np.random.Generator
) -> Plain:
    """Each other source adds or takes something that saturates in its own rows."""
    effect = _pairs(random, -0.1, 0.08)
    half = _pairs(random, 5, 11)

    def plain(amounts: Mapping[str, float], ability: str) -> float:
        moved = sum(
            effect[ability, name] * n / (n + 2 ** half[ability, name])
            for name, n in amounts.items()
            if name != ability
        )
        return grow[ability](amounts.get(ability, 0)) + moved

    return plain


def _capacity(
    grow: Mapping[str, Growth], base: Mapping[str, float], random: np.random.Generator
) -> Plain:
    """A model holds so much: gains shrink with the others' rows."""
    room = {a: float(2 ** random.uniform(11, 15)) for a in ABILITIES}
    loss = {a: float(random.uniform(0.05, 0.5)) for a in ABILITIES}

    def plain(amounts: Mapping[str, float], ability: str) -> float:
        others = sum(n for name, n in amounts.items() if name != ability)
        gain = grow[ability](amounts.get(ability, 0) + 0.01 * others) - base[ability]
        return base[ability] + gain * (1 - loss[ability] * others / (others + room[ability]))

    return plain


def _ratio(
    grow: Mapping[str, Growth], base: Mapping[str, float], random: np.random.Generator
) -> Plain:
    """Errors fall exponentially in the shares of the sources and as a power of all rows.

    After the data mixing laws of Ye et al., 2024; the forms of growth play no part.
    """
    pull = _pairs(random, -0.4, 0.4)
    own = {a: float(random.uniform(0.5, 2.0)) for a in ABILITIES}
    few = {a: float(random.uniform(100, 1000)) for a in ABILITIES}
    power = {a: float(random.uniform(0.05, 0.3)) for a in ABILITIES}
    least = {a: float(random.uniform(0.1, 0.4)) for a in ABILITIES}

    def plain(amounts: Mapping[str, float], ability: str) -> float:
        rows = sum(amounts.values())
        mine = amounts.get(ability, 0)
        moved = own[ability] * mine / rows * mine / (mine + few[ability])
        moved += sum(
            pull[ability, name] * n / rows for name, n in amounts.items() if name != ability
        )
        left = (1 - base[ability] - least[ability]) * np.exp(-moved)
        return float(1 - least[ability] - left * (1 + rows / 64) ** -power[ability])

    return plain


def _crossover(
    grow: Mapping[str, Growth], base: Mapping[str, float], random: np.random.Generator
) -> Plain:
    """Mixing helps where own rows are few and hurts where they are many (Dong et al., 2023)."""
    at = {a: float(2 ** random.uniform(7, 12)) for a in ABILITIES}
    slope = {a: float(random.uniform(0.003, 0.02)) for a in ABILITIES}

    def plain(amounts: Mapping[str, float], ability: str) -> float:
        mine = amounts.get(ability, 0)
        others = sum(n for name, n in amounts.items() if name != ability)
        moved = slope[ability] * np.log2(at[ability] / max(mine, 32)) * others / (others + 1000)
        return float(grow[ability](mine) + moved)

    return plain


PLAINS: Mapping[
    str, Callable[[Mapping[str, Growth], Mapping[str, float], np.random.Generator], Plain]
] = {
    "worth": _worth,
    "additive": _additive,
    "capacity": _capacity,
    "ratio": _ratio,
    "crossover": _crossover,
}


def study(random: np.random.Generator) -> list[Cell]:
    """Return the cells of a study as its file would ask: designs and strategies, not always all."""
    amounts = AMOUNTS if random.uniform() < 0.6 else AMOUNTS[:4]
    full = amounts[-1] if random.uniform() < 0.3 else amounts[-2]
    cells = list(grid(models=("small",), amounts=amounts, full=full))
    staged = random.uniform() < 0.8
    varied = random.uniform() < 0.75
    ks = KS if random.uniform() < 0.5 else KS[1:4]
    return [c for c in cells if _kept(c, staged=staged, varied=varied, ks=ks)]


def _kept(cell: Cell, *, staged: bool, varied: bool, ks: Sequence[float]) -> bool:
    if cell.strategy != "multitask":
        last = cell.stage == cell.stages
        return staged and last and (cell.k is None or cell.k in ks)
    return varied or len(set(cell.amounts.values())) <= 1


def best(
    surface: Surface,
    weights: Mapping[str, float],
    *,
    budget: float,
    most: Mapping[str, float],
    least: Mapping[str, float],
    strategies: Sequence[tuple[str, float | None]],
    allowed: Callable[[Mapping[str, float], str], bool] = lambda amounts, strategy: True,
) -> tuple[float, dict[str, int], tuple[str, float | None]]:
    """Return the largest utility within a budget, and where it lies: a search of the truth.

    `allowed` says of (amounts, strategy) whether it counts.
    """
    options = list(_options(budget, most, least))
    top: tuple[float, dict[str, int], tuple[str, float | None]]
    top = (-np.inf, {}, ("multitask", None))
    for strategy, k in strategies:
        for amounts in options:
            if strategy != "multitask" and len(amounts) < len(ABILITIES):
                continue
            if not allowed(amounts, strategy):
                continue
            value = utility(surface, amounts, strategy, k, weights)
            top = max(top, (value, amounts, (strategy, k)), key=lambda t: t[0])
    return top


def utility(
    surface: Surface,
    amounts: Mapping[str, float],
    strategy: str,
    k: float | None,
    weights: Mapping[str, float],
) -> float:
    """Return the weighted mean of the abilities' true scores."""
    scores = [w * surface.score(amounts, strategy, k, a) for a, w in weights.items()]
    return float(sum(scores) / sum(weights.values()))


def _options(
    budget: float, most: Mapping[str, float], least: Mapping[str, float]
) -> Iterator[dict[str, int]]:
    """Yield mixtures on a grid of log amounts that spend the budget or parts of it."""
    names = list(most)
    steps = {
        name: [
            0.0,
            *np.geomspace(least[name], most[name], 2 * int(np.log2(most[name] / least[name])) + 1),
        ]
        for name in names
    }
    seen = set()
    for one in steps[names[0]]:
        for two in steps[names[1]]:
            left = budget - one - two
            thirds = {0.0, *(n for n in steps[names[2]] if n <= left)}
            if left >= least[names[2]]:
                thirds.add(min(left, most[names[2]]))
            for three in thirds:
                rows = (int(one), int(two), int(three))
                if 0 < sum(rows) <= budget and rows not in seen:
                    seen.add(rows)
                    yield {name: n for name, n in zip(names, rows, strict=True) if n}
