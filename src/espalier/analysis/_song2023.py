"""The claims of Song et al. (2023, arXiv 2310.19651; COLING 2025)."""

from __future__ import annotations

from collections.abc import Sequence

from espalier.analysis import _reasons as reasons
from espalier.analysis._claims import Part, Placed, Statement, Vote, vote
from espalier.finding import Finding


def _of(placed: Sequence[Placed], kind: str) -> list[Placed]:
    return [(i, f) for i, f in placed if f.kind == kind]


def _responsive(placed: Sequence[Placed]) -> list[Part]:
    """Look for one ability that grows and one that resists: the others are open."""
    every = _of(placed, "growth")
    human = {f.ability for _, f in every if f["origin"] == "human"}
    growth = [(i, f) for i, f in every if f["origin"] == "human" or f.ability not in human]
    if len({f.ability for _, f in growth}) < 2:
        return []
    moved = vote(growth)
    grows: list[Vote] = [(i, 1 if v == 1 else 0) for i, v in moved]
    resists: list[Vote] = [
        (i, 1 if f.verdict == "resists" or v == -1 else 0)
        for (i, f), (_, v) in zip(growth, moved, strict=True)
    ]
    all_grow = all(v == 1 for _, v in moved)
    none: list[Vote] = [(i, -1) for i, _ in growth]
    return [
        Part(says="some abilities grow with data", votes=grows),
        Part(says="some resist it", votes=none if all_grow else resists),
    ]


def _curated(placed: Sequence[Placed]) -> list[Part]:
    """Hold the exchange rates, and what synthetic rows do that join a mixture of human ones."""
    says = {"human better": 1, "synthetic better": -1}
    votes: list[Vote] = [(i, says.get(f.verdict, 0)) for i, f in _of(placed, "exchange")]
    votes += vote(_joined(placed), -1)
    return [Part(says="human rows are worth more than synthetic ones", votes=votes)]


def _joined(placed: Sequence[Placed]) -> list[Placed]:
    """Return what the most synthetic rows did that were added to each mixture."""
    most: dict[tuple[object, ...], Placed] = {}
    for i, f in _built(placed, "added"):
        if "synthetic" not in f["origins"]:
            continue
        case = (f.ability, f.suite, f.metric, f.model, f.protocol, *f["against_mixture"].items())
        rows = sum(f["mixture"].values())
        if case not in most or rows > sum(most[case][1]["mixture"].values()):
            most[case] = (i, f)
    return list(most.values())


def _built(placed: Sequence[Placed], change: str) -> list[Placed]:
    found = _of(placed, "mixing")
    return [(i, f) for i, f in found if f["of"] == "construction" and f["change"] == change]


def _human(finding: Finding) -> bool:
    """Say whether only rows written by people became more, and the ability is trained by none."""
    return bool(finding["role"] == "out" and finding["origins"] == ["human"])


def _generalises(placed: Sequence[Placed]) -> list[Part]:
    says = {"follows": 1, "does not follow": -1}
    votes: list[Vote] = [
        (i, says.get(f.verdict, 0)) for i, f in _of(placed, "ood") if f.estimate is not None
    ]
    votes += vote((i, f) for i, f in _built(placed, "rebuilt") if f["nested"] and _human(f))
    return [
        Part(
            says="out-of-domain abilities follow the in-domain ones, and rise with their rows",
            votes=votes,
        )
    ]


def _explained(placed: Sequence[Placed]) -> list[Part]:
    says = {"predicts": 1, "does not predict": -1}
    found = [(i, f) for i, f in _of(placed, "sensitivity") if f.estimate is not None]
    votes = [(i, says.get(f.verdict, 0)) for i, f in found]
    return [Part(says="our complexity and transference predict growth held out", votes=votes)]


def _ceiling(placed: Sequence[Placed]) -> list[Part]:
    """Hold growth on synthetic rows, and what the most of them did that joined a mixture."""
    growth = [(i, f) for i, f in _of(placed, "growth") if f["origin"] == "synthetic"]
    votes = [_capped(one, v) for one, (_, v) in zip(growth, vote(growth), strict=True)]
    votes += vote(_joined(placed), -1)
    return [Part(says="synthetic rows do not keep improving an ability", votes=votes)]


def _capped(placed: Placed, grown: int | None) -> Vote:
    """Vote for an end of growth; growth speaks against one only where an end would be seen.

    That takes four amounts, and scores of known noise.
    """
    place, f = placed
    if f["plateau_at"] or f.verdict in ("resists", "falls") or grown == -1:
        return place, 1
    seen = f["plateau_why"] == reasons.NO_BEND and f.interval is not None
    return place, (grown and -grown) if seen else None


def _inverted(placed: Sequence[Placed]) -> list[Part]:
    """One inversion is enough for `some`, and it takes all sizes growing to say there is none."""
    sizes = _of(placed, "size")
    votes: list[Vote] = [
        (i, 1 if f.verdict == "inverts" else None if v is None else -v)
        for (i, f), (_, v) in zip(sizes, vote(sizes), strict=True)
    ]
    if any(v == 1 for _, v in votes):
        votes = [(i, v) for i, v in votes if v == 1]
    elif any(v != -1 for _, v in votes):
        votes = [(i, v and 0) for i, v in votes]
    return [Part(says="a larger model is below a smaller one", votes=votes)]


def _tailored(placed: Sequence[Placed]) -> list[Part]:
    """Hold mixtures of one size and other parts, on abilities that no source trains."""
    rebuilt = [(i, f) for i, f in _built(placed, "rebuilt") if _human(f)]
    equal = [(i, f) for i, f in rebuilt if f["equal_size"]]
    larger = [(i, f) for i, f in rebuilt if not f["equal_size"] and not f["nested"]]
    return [
        Part(says="a tailored mixture of equal size is better", votes=vote(equal)),
        Part(says="a tailored larger one is better", votes=vote(larger), needed=False),
    ]


song2023 = (
    Statement(
        id="song2023.1",
        text="Abilities respond differently to more data: some grow, some resist.",
        parts=_responsive,
    ),
    Statement(
        id="song2023.2",
        text="Human-curated data is more efficient than synthetic data.",
        parts=_curated,
    ),
    Statement(
        id="song2023.3",
        text="Instruction data generalises to abilities that no source trains.",
        parts=_generalises,
    ),
    Statement(
        id="song2023.4",
        text="Complexity and transference explain how fast an ability grows.",
        parts=_explained,
        untested="it needs six or more abilities; the paper's own definitions could not be found, "
        "ours are tested in their place",
    ),
    Statement(
        id="song2023.5",
        text="Synthetic data does not keep improving a model: it has a ceiling.",
        parts=_ceiling,
    ),
    Statement(
        id="song2023.6",
        text="For some abilities a larger model is worse than a smaller one.",
        parts=_inverted,
    ),
    Statement(
        id="song2023.7",
        text="Tailoring the mixture to each ability's sensitivity improves held-out benchmarks.",
        parts=_tailored,
        untested="it needs mixtures of the same sources under designs that the table names",
    ),
)
