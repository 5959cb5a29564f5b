"""The claims of Song et al. (2023, arXiv 2310.19651; COLING 2025)."""

from __future__ import annotations

from collections.abc import Sequence

from espalier.analysis._claims import Part, Placed, Statement


def _of(placed: Sequence[Placed], kind: str) -> list[Placed]:
    return [(i, f) for i, f in placed if f.kind == kind]


def _responsive(placed: Sequence[Placed]) -> list[Part]:
    """Look for one ability that grows and one that resists: the others are open."""
    growth = [(i, f) for i, f in _of(placed, "growth") if f.facts.get("origin") == "human"]
    grows = [(i, 1 if f.verdict in ("grows", "plateaus") else 0) for i, f in growth]
    if len({f.ability for _, f in growth}) < 2:
        return []
    resists = [(i, 1 if f.verdict in ("resists", "falls") else 0) for i, f in growth]
    all_grow = all(f.verdict in ("grows", "plateaus") for _, f in growth)
    none = [(i, -1) for i, _ in growth]
    return [
        Part(says="some abilities grow with data", votes=grows),
        Part(says="some resist it", votes=none if all_grow else resists),
    ]


def _curated(placed: Sequence[Placed]) -> list[Part]:
    says = {"human better": 1, "synthetic better": -1}
    votes = [(i, says.get(f.verdict, 0)) for i, f in _of(placed, "exchange")]
    return [Part(says="human rows are worth more than synthetic ones", votes=votes)]


def _generalises(placed: Sequence[Placed]) -> list[Part]:
    says = {"follows": 1, "does not follow": -1}
    votes = [(i, says.get(f.verdict, 0)) for i, f in _of(placed, "ood") if f.estimate is not None]
    return [Part(says="out-of-domain abilities follow the in-domain ones", votes=votes)]


def _explained(placed: Sequence[Placed]) -> list[Part]:
    says = {"predicts": 1, "does not predict": -1}
    found = [(i, f) for i, f in _of(placed, "sensitivity") if f.estimate is not None]
    votes = [(i, says.get(f.verdict, 0)) for i, f in found]
    return [Part(says="our complexity and transference predict growth held out", votes=votes)]


def _ceiling(placed: Sequence[Placed]) -> list[Part]:
    says = {"plateaus": 1, "resists": 1, "falls": 1, "grows": -1}
    votes = [
        (i, says.get(f.verdict, 0))
        for i, f in _of(placed, "growth")
        if f.facts.get("origin") not in (None, "human")
    ]
    return [Part(says="abilities do not keep growing with synthetic rows", votes=votes)]


def _inverted(placed: Sequence[Placed]) -> list[Part]:
    """One inversion is enough for `some`, and it takes all sizes growing to say there is none."""
    sizes = _of(placed, "size")
    seen = [(i, 1) for i, f in sizes if f.verdict == "inverts"]
    orderly = [(i, -1) for i, f in sizes if f.verdict == "grows"]
    votes = seen or (orderly if len(orderly) == len(sizes) else [(i, 0) for i, _ in sizes])
    return [Part(says="a larger model is below a smaller one", votes=votes)]


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
        untested="it compares mixtures of one size by design, which no finding does",
    ),
)
