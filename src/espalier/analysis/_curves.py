"""Forms of growth, fitted by weighted least squares.

    flat              a
    log-linear        a + b log2 n
    saturating power  a + b (n / n0)^-c         n0 is the smallest amount
    logistic          a + b / (1 + exp(-s (log2 n - m)))

All are linear but for c, or s and m.  Those are searched on a grid and the rest is solved
exactly, so that a fit has no start to choose, cannot fail, and thousands of noisy copies are
refitted at once.  The base model (0 rows) is on no logarithmic axis and enters no fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

FORMS = ("flat", "log-linear", "saturating power", "logistic")
PRICE = 3.0
"""What a parameter costs in misfit: Schwarz's price for 20 runs.

At Akaike's price of 2, one of the other forms beats a flat truth in four studies of ten.
"""
PLATEAU = 0.95
"""A curve has reached its plateau where it has made this share of its whole gain: our choice."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """One form at given amounts: a basis for each value of its bent parameters."""

    form: str
    parameters: int
    bent: Floats
    """(places, bent parameters)."""
    bases: Floats
    """(places, amounts, straight parameters)."""


def basis(form: str, bent: Floats, amounts: Floats, smallest: float) -> Floats:
    """Return the bases of `form`, (places, amounts, straight parameters)."""
    x = np.log2(amounts)
    ones = np.ones((len(bent), len(x)))
    if form == "flat":
        return ones[..., None]
    if form == "log-linear":
        column = np.broadcast_to(x, ones.shape)
    elif form == "saturating power":
        column = (amounts / smallest) ** -bent[:, :1]
    elif form == "hinge":
        column = np.minimum(x, bent[:, :1])
    else:
        column = expit(bent[:, :1] * (x - bent[:, 1:]))
    return np.stack([ones, column], axis=-1)


@lru_cache(maxsize=4096)
def grids(amounts: tuple[int, ...]) -> tuple[Grid, ...]:
    """Return the forms that so many amounts can tell apart: one more than its parameters."""
    n = np.array(amounts, dtype=np.float64)
    low, high = np.log2(n[0]), np.log2(n[-1])
    slopes, middles = np.geomspace(0.35, 5, 12), np.linspace(low - 1, high + 1, 33)
    bent = {
        "flat": np.zeros((1, 0)),
        "log-linear": np.zeros((1, 0)),
        "saturating power": np.geomspace(0.05, 3, 40)[:, None],
        "logistic": np.array([(s, m) for s in slopes for m in middles]),
    }
    counts = {"flat": 1, "log-linear": 2, "saturating power": 3, "logistic": 4}
    return tuple(
        Grid(form=form, parameters=counts[form], bent=b, bases=basis(form, b, n, n[0]))
        for form, b in bent.items()
        if len(n) > counts[form] or (form == "log-linear" and len(n) == 2)
    )


@lru_cache(maxsize=1024)
def _stacked(amounts: tuple[int, ...]) -> tuple[Floats, Mapping[str, slice]]:
    """Return the bases of all forms one below the other, to be solved at once, and where each lies.

    A flat form is one whose column is zero, and so has no gain.
    """
    forms, places, end = grids(amounts), {}, 0
    for grid in forms:
        places[grid.form] = slice(end, end := end + len(grid.bases))
    flat = np.stack([np.ones(len(amounts)), np.zeros(len(amounts))], axis=-1)[None]
    parts = [grid.bases if grid.bases.shape[-1] > 1 else flat for grid in forms]
    return np.concatenate(parts), places


@lru_cache(maxsize=1024)
def bends(amounts: tuple[int, ...]) -> tuple[tuple[Grid, Floats], ...]:
    """Return fine grids of the bent forms that so many amounts allow, and each place's plateau.

    The hinge, a rise in log2 n that ends at a sharp bend, only serves to say where a bend may be.
    """
    n = np.array(amounts, dtype=np.float64)
    low, high = np.log2(n[0]), np.log2(n[-1])
    slopes, middles = np.geomspace(0.35, 5, 30), np.linspace(low - 1, high + 1, 81)
    bent = {
        "saturating power": np.geomspace(0.05, 3, 200)[:, None],
        "logistic": np.array([(s, m) for s in slopes for m in middles]),
        "hinge": np.linspace(low, high, 97)[1:, None],
    }
    allowed = {grid.form for grid in grids(amounts)} | {"hinge"}
    found = []
    for form, places in bent.items():
        if form in allowed:
            bases = basis(form, places, n, n[0])
            grid = Grid(form=form, parameters=0, bent=places, bases=bases)
            found.append((grid, np.clip(_plateaus(form, places, n[0]), n[0], n[-1])))
    return tuple(found)


def _plateaus(form: str, bent: Floats, smallest: float) -> Floats:
    """Return the amounts at which `PLATEAU` of the gain is made; infinite without end."""
    if form == "hinge":
        return np.asarray(2 ** bent[:, 0])
    if form == "saturating power":
        return np.asarray(smallest * (1 - PLATEAU) ** (-1 / bent[:, 0]))
    if form == "logistic":
        s, m = bent.T
        start = expit(s * (np.log2(smallest) - m))
        share = start + PLATEAU * (1 - start)
        return np.asarray(2 ** np.minimum(m + np.log(share / (1 - share)) / s, 1000.0))
    return np.full(len(bent), np.inf)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """One form fitted to many copies of a series."""

    form: str
    bent: Floats
    """(copies, bent parameters)."""
    straight: Floats
    """(copies, straight parameters)."""
    misfit: Floats
    """(copies,): weighted sums of squares."""
    smallest: float

    def __call__(self, amounts: Floats) -> Floats:
        """Return every copy's score at these amounts, (copies, amounts)."""
        bases = basis(self.form, self.bent, amounts, self.smallest)
        values: Floats = np.einsum("gmp,gp->gm", bases, self.straight)
        return values

    @property
    def plateau(self) -> Floats:
        """Return the amounts at which `PLATEAU` of the gain is made; infinite without end."""
        return _plateaus(self.form, self.bent, self.smallest)

    @property
    def ceiling(self) -> Floats:
        """Return the scores the copies tend to; not finite for straight lines."""
        if self.form == "logistic":
            return np.asarray(self.straight.sum(axis=1))
        if self.form == "log-linear":
            return np.copysign(np.inf, self.straight[:, 1])
        return self.straight[:, 0]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A fitted form."""

    copies: Curves
    """With one copy."""

    @property
    def form(self) -> str:
        """Return the form's name."""
        return self.copies.form

    @property
    def bent(self) -> Floats:
        """Return the parameters that were searched."""
        return np.asarray(self.copies.bent[0])

    @property
    def straight(self) -> Floats:
        """Return the parameters that were solved: level and gain."""
        return np.asarray(self.copies.straight[0])

    @property
    def misfit(self) -> float:
        """Return the weighted sum of squares."""
        return float(self.copies.misfit[0])

    def __call__(self, amounts: Floats) -> Floats:
        """Return the curve's score at these amounts."""
        return np.asarray(self.copies(amounts)[0])

    @property
    def parameters(self) -> dict[str, float]:
        """Return the parameters by the names of the module's formulas."""
        names = {"saturating power": ("c",), "logistic": ("s", "m")}.get(self.form, ())
        straight = dict(zip("ab", self.straight.tolist(), strict=False))
        extra = {"n0": self.copies.smallest} if self.form == "saturating power" else {}
        return straight | dict(zip(names, self.bent.tolist(), strict=True)) | extra

    @property
    def plateau(self) -> float:
        """Return the amount at which `PLATEAU` of the whole gain is made; infinite without end."""
        return float(self.copies.plateau[0])

    @property
    def ceiling(self) -> float:
        """Return the score the curve tends to; not finite for a straight line."""
        return float(self.copies.ceiling[0])


def fit(grid: Grid, amounts: tuple[int, ...], scores: Floats, weights: Floats) -> Curves:
    """Fit one form to each row of `scores` (copies, amounts); `weights` are 1 / variance."""
    return _fitted(grid, amounts, _solve(grid.bases, scores, weights), slice(None))


@dataclass(frozen=True)
class _Solved:
    """Each copy's best straight parameters at every place of a grid."""

    level: Floats
    """(copies,): the weighted mean."""
    middles: Floats
    """(places,): the weighted mean of the place's column."""
    gain: Floats
    """(copies, places)."""
    misfit: Floats
    """(copies, places)."""


def _fitted(grid: Grid, amounts: tuple[int, ...], solved: _Solved, places: slice) -> Curves:
    """Return the best of a grid's places, which lie there among those solved."""
    misfits = solved.misfit[:, places]
    best = misfits.argmin(axis=1)
    copies = np.arange(len(misfits))
    level = straight = solved.level[:, None]
    if grid.bases.shape[-1] > 1:
        gains = solved.gain[:, places][copies, best, None]
        middles = solved.middles[places][best, None]
        straight = np.concatenate([level - gains * middles, gains], axis=1)
    return Curves(
        form=grid.form,
        bent=grid.bent[best],
        straight=straight,
        misfit=misfits[copies, best],
        smallest=float(amounts[0]),
    )


def _solve(bases: Floats, scores: Floats, weights: Floats) -> _Solved:
    """Solve every place of a grid; a column that is all but flat at these weights has no gain."""
    whole = weights.sum()
    level = scores @ weights / whole
    centred = scores - level[:, None]
    squares = np.square(centred) @ weights
    if bases.shape[-1] == 1:
        none = np.zeros((len(scores), len(bases)))
        return _Solved(level, none[0], none, np.repeat(squares[:, None], len(bases), 1))
    column = bases[..., 1]
    middles = column @ weights / whole
    away = column - middles[:, None]
    square = np.square(away) @ weights
    flat = square <= 1e-18 * np.square(column) @ weights
    gain = centred @ (away * weights).T / np.where(flat, np.inf, square)
    misfit = np.maximum(squares[:, None] - np.square(gain) * square, 0.0)
    return _Solved(level, middles, gain, misfit)


def profile(grid: Grid, scores: Floats, weights: Floats) -> Floats:
    """Return the misfit at every place of the grid."""
    misfits: Floats = _solve(grid.bases, scores[None], weights).misfit[0]
    return misfits


def criterion(curve: Curve, grid: Grid, count: int, *, known: bool) -> float:
    """Return what a form costs; smaller is better.

    With known noise it is misfit + `PRICE` p; else the noise is a parameter too, and it is
    Akaike's criterion with the small-sample correction (AICc).
    """
    p = grid.parameters
    if known:
        return curve.misfit + PRICE * p
    free = count - p - 2
    if free <= 0:
        return float("inf") if p > 1 else count * float(np.log(curve.misfit + 1e-300))
    return count * float(np.log(curve.misfit / count + 1e-300)) + 2 * (p + 1) * (1 + (p + 2) / free)


def choose(
    amounts: tuple[int, ...], scores: Floats, weights: Floats, *, known: bool
) -> tuple[Curve, dict[str, Curve]]:
    """Fit every form and return the best by `criterion`, and all by name."""
    bases, places = _stacked(amounts)
    solved = _solve(bases, scores[None], weights)
    fitted = {
        g.form: (Curve(copies=_fitted(g, amounts, solved, places[g.form])), g)
        for g in grids(amounts)
    }
    ranked = {
        name: criterion(curve, grid, len(amounts), known=known)
        for name, (curve, grid) in fitted.items()
    }
    best = min(ranked, key=lambda name: ranked[name])
    return fitted[best][0], {name: curve for name, (curve, _) in fitted.items()}
