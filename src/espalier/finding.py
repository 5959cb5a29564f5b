"""A finding: one question put to the results table, its answer, and how sure it is.

Analysis makes findings; recommendation and report read them and nothing else.  The fields that
every finding has are attributes; those of its own kind lie in `facts` under the names below.
In JSON the two are one flat object.

`facts` of each kind (amounts are rows; intervals are `[low, high]` or null; sizes are in the
metric's own unit, and a positive difference is a higher number, so that for a loss
`higher_is_better` is false and less is better):

growth      estimate: gain per doubling, averaged between the smallest and the largest amount.
            `source`, `origin`, `design` (single | together), `form` (flat | log-linear |
            saturating power | logistic), `form_fits` (false: no form that so few amounts allow is
            near the scores, and `line` is empty), `curve` (the form's parameters by name), `points`
            (list of `Point`), `line` (list of `[amount, score, low, high]` along the curve),
            `base` (score of the untuned model or null), `chance` (or null),
            `plateau_at`, `plateau_interval`, `plateau_why`, `gain_per_doubling`,
            `gain_interval`, `out_of_sample_error` (predicted minus measured at the largest
            amount, from a fit to the smaller ones; or null)
size        model is "all".  estimate: gain per doubling of parameters, averaged over the cells
            that all models have.  `gain_per_doubling`, `models` (`[{model, parameters, score,
            interval}]`, smallest first), `inversions` (`[{larger, smaller, difference,
            interval}]`), `cells` (how many)
mixing      estimate: mixed minus single.  `of` is "difference": `amount` (own rows), `source`,
            `mixture` (source -> rows), `single`, `mixed` (the two scores), `others` (rows of the
            other sources).  `of` is "crossover": the estimate and interval are own rows at which
            the difference changes its sign, null with a `why` where it does not;
            `differences` (`[[amount, difference, low, high]]`), verdict that of the amounts
            above the crossing.  `of` is "construction": one mixture minus another of another
            make: `change` (exchanged | added | rebuilt), `mixture` and `against_mixture` (source ->
            rows), `mixed` and `against_score`, `name` and `against` (what the table calls them, or
            null), `source` (what joined; null where several did), `instead_of` (what it took the
            place of), `origins` (who wrote what there is more of), `equal_size`, `nested` (nothing
            became less)
factors     estimate: effect of one doubling of the other data at constant ratio.  `amount` and
            `ratio`: `{effect, interval, p, share, share_interval}`, effect per doubling, share
            of the variance of what mixing does; `cells`.  Confounded: all null, and `why`
strategy    estimate: strategy minus `against` at equal amounts.  `strategy`, `k`, `label`
            ("dmt k=1/16"), `against`, `mixtures` (how many are compared), `score`,
            `against_score`,
            `rank` (1 is best), `rank_probability` (of this rank), `of_strategies` (how many are
            ranked), `differences` (`[{amounts, difference, interval}]`), `pairs` (from every other
            strategy: `[{against, difference, interval, p}]`); where several `k` were run, findings
            of dmt have `best_k`, `best_k_interval`.  Ability "overall" averages the abilities, each
            in shares of its metric's range, better positive: our own measure; its findings have
            `place` and `against_place` (`{specialised, general, on_front, front_probability}` on
            the Pareto front of the mean of the specialised abilities against the general one, or
            null)
forgetting  estimate: last stage minus the best earlier one.  `backward_transfer`, `strategy`,
            `k`, `label`, `amounts` (source -> rows), `stages`, `best_stage`, `scores`
            (`[[stage, score]]`)
ood         estimate: rank correlation over cells between an out-of-domain ability and the mean of
            the in-domain ones.  `cells`, `gains` (`[[in-domain, out-of-domain]]`)
exchange    estimate: synthetic rows that one human row is worth, one rate for all amounts.
            `human`, `synthetic` (source names), `beside` (other abilities that were trained along,
            at equal rows), `rates` (`[{amount, rate, interval, why}]`),
            `ceiling` (score the synthetic curve tends to, or null), `ceiling_interval`,
            `at_equal_amounts` (human minus synthetic), `at_equal_amounts_interval`
sensitivity model is "all" or a name.  estimate: correlation between predicted and measured gain
            per doubling, each ability left out once.  `abilities` (`[{ability, complexity,
            transference, gain, predicted}]`), `definitions` (our own, in words)
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict

Interval = tuple[float, float]

VERDICTS: Mapping[str, tuple[str, ...]] = {
    "growth": ("grows", "plateaus", "resists", "falls", "undecided"),
    "size": ("grows", "resists", "inverts", "undecided"),
    "mixing": ("helps", "hurts", "tied", "undecided"),
    "factors": ("amount", "ratio", "both", "neither", "undecided"),
    "strategy": ("better", "worse", "tied", "undecided"),
    "forgetting": ("forgets", "keeps", "improves", "undecided"),
    "ood": ("follows", "does not follow", "undecided"),
    "exchange": ("human better", "synthetic better", "tied", "undecided"),
    "sensitivity": ("predicts", "does not predict", "undecided"),
}
"""Every kind in the order of the page, with its verdicts.

`undecided` in mixing, strategy and forgetting is for data that give no test at all, such as a
single seed; a test that finds nothing says `tied` or `keeps`.  The table's contract has no such
word for these kinds, so in JSON they say `NOTHING_SHOWN`, and `decided` is false.
"""

NOTHING_SHOWN: Mapping[str, str] = {"mixing": "tied", "strategy": "tied", "forgetting": "keeps"}

NO_EFFECT = (
    *("tied", "keeps", "undecided", "resists", "neither", "does not follow", "does not predict"),
)
"""Verdicts that claim no effect."""

SEEDS = "seeds and items"
ITEMS_ONLY = "items only"
SCATTER = "scatter about the curve"
UNKNOWN = "unknown"
"""What `noise` may say an interval allows for."""


class Point(TypedDict):
    """One measured amount of a growth curve: the mean over its seeds."""

    amount: int
    score: float
    interval: Interval | None
    """Ends where the metric does: see `within`."""
    seeds: int
    scores: list[float]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One answer.  `interval` is None where the data give none, and then `why` says so."""

    kind: str
    ability: str
    model: str
    metric: str
    estimate: float | None
    interval: Interval | None
    verdict: str
    rows: tuple[int | str, ...]
    """Keys, or row numbers (the first row under the header is 1), it rests on."""
    why: str = ""
    suite: str = ""
    protocol: str = "epochs"
    higher_is_better: bool = True
    noise: str = SEEDS
    """What the interval allows for: `SEEDS`, `ITEMS_ONLY`, `SCATTER` or `UNKNOWN`."""
    seeds: int = 0
    """The smallest number of seeds of any cell it rests on."""
    p: float | None = None
    """Of the test for no effect, as if it were the only one."""
    p_adjusted: float | None = None
    """The same, adjusted for all tests of its family in this table; the line is 0.05.

    It is never below `p`, so that no test passes that would not pass alone.
    Intervals are not adjusted: each holds its own truth 95 times in 100.
    """
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Return one of the fields of this kind."""
        return self.facts[name]

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as one flat JSON object, in the words of the contract."""
        open_ = self.verdict == "undecided"
        common = {
            "kind": self.kind,
            "ability": self.ability,
            "model": self.model,
            "metric": self.metric,
            "suite": self.suite,
            "protocol": self.protocol,
            "higher_is_better": self.higher_is_better,
            "estimate": self.estimate,
            "interval": self.interval,
            "verdict": NOTHING_SHOWN.get(self.kind, self.verdict) if open_ else self.verdict,
            "decided": not open_,
            "why": self.why,
            "noise": self.noise,
            "seeds": self.seeds,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
        }
        plain: dict[str, Any] = _plain(common | dict(self.facts) | {"rows": self.rows})
        return plain


ClaimVerdict = Literal["holds", "fails", "undecided", "not tested"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of a paper, put as a test over findings."""

    id: str
    text: str
    verdict: ClaimVerdict
    because: str
    findings: tuple[int, ...] = ()
    """Places in `Findings.findings`."""

    def to_dict(self) -> dict[str, Any]:
        """Return the claim as a JSON object."""
        return {
            "id": self.id,
            "text": self.text,
            "verdict": self.verdict,
            "because": self.because,
            "findings": list(self.findings),
        }


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that one table bears: findings, claims, and what could not be used."""

    findings: tuple[Finding, ...]
    claims: tuple[Claim, ...] = ()
    left_out: tuple[Mapping[str, Any], ...] = ()
    """`{"what": ..., "why": ..., "rows": [...]}`: rows and questions that gave no finding."""

    def of(self, kind: str, **facts: Any) -> Iterator[Finding]:
        """Yield the findings of a kind whose attributes or facts have the given values."""
        for finding in self.findings:
            if finding.kind == kind and all(
                (finding.facts[n] if n in finding.facts else getattr(finding, n, None)) == v
                for n, v in facts.items()
            ):
                yield finding

    def to_dict(self) -> dict[str, Any]:
        """Return `{"version": 1, "findings": ..., "claims": ..., "left_out": ...}`."""
        return {
            "version": 1,
            "findings": [finding.to_dict() for finding in self.findings],
            "claims": [claim.to_dict() for claim in self.claims],
            "left_out": [_plain(dict(entry)) for entry in self.left_out],
        }

    def to_json(self) -> str:
        """Return `to_dict` as text: the same findings make the same bytes."""
        return json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def bounds(low: float, high: float, *, higher_is_better: bool) -> Interval:
    """Return where scores like these can lie, of which `low` and `high` are the extremes seen.

    Shares lie between 0 and 1, and a loss that is nowhere below 0 cannot be; else nothing is known.
    """
    if low < 0:
        return -math.inf, math.inf
    if higher_is_better:
        return (0.0, 1.0) if high <= 1 else (-math.inf, math.inf)
    return 0.0, math.inf


def within(interval: Interval | None, limits: Interval) -> Interval | None:
    """Return the part of a score's interval that is possible: noise is symmetric, scores are not.

    For showing only; differences, tests and verdicts rest on the whole interval.
    """
    if interval is None:
        return None
    least, most = limits
    return min(max(interval[0], least), most), min(max(interval[1], least), most)


def decided(finding: Finding, verdict: str, p_adjusted: float | None) -> Finding:
    """Return the finding with its verdict, once the tests of its whole family are known."""
    return replace(finding, verdict=verdict, p_adjusted=p_adjusted)


def aloud(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return findings from JSON with `undecided` said wherever nothing was decided."""
    findings = [
        f if f.get("decided", True) else {**f, "verdict": "undecided"} for f in told["findings"]
    ]
    return {**told, "findings": findings}


def _plain(value: Any) -> Any:
    """Return JSON values: tuples as lists, what is not finite as null, numpy's scalars as ours."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
