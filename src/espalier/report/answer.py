"""The answer in three sentences and its certainty, said by the findings and by nothing else.

Growth, mixing, order: one sentence each, about the largest model, naming amounts and effects with
their intervals.  What was not measured, and what the data do not decide, is said too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from espalier.report.lookup import full_title, grown, is_of, unit, unit_of
from espalier.report.view import Measure, Point, View
from espalier.report.words import Words

Finding = Mapping[str, Any]

FEW = 6
"""Abilities that one part of a sentence names."""

MOST_MODELS = 3
"""Untuned models that the answer speaks of; the others are in the table."""

EFFECTS = (
    frozenset(
        ("grows", "plateaus", "falls", "inverts", "helps", "hurts", "amount", "ratio", "both")
    )
    | frozenset(("better", "worse", "forgets", "improves", "follows", "predicts"))
    | frozenset(("human better", "synthetic better"))
)
"""Verdicts that say something is there; `undecided` apart, the others say that nothing shows."""


def answer(view: View, findings: Sequence[Finding], words: Words) -> tuple[str, ...]:
    """Return the three sentences; of models that nobody tuned, what they score."""
    if view.untuned:
        return tuple(_scored(view, model, words) for model in view.models[:MOST_MODELS])
    told = _headline(view, findings)
    return (
        _growth(view, [f for f in told if f["kind"] == "growth"], findings, words),
        _mixing(view, [f for f in told if f["kind"] == "mixing"], words),
        _order(view, [f for f in told if f["kind"] in ("strategy", "forgetting")], words),
    )


def certainty(view: View, findings: Sequence[Finding], words: Words) -> tuple[str, ...]:
    """Say how many tests were made, what they rest on, and what they allow for."""
    if view.untuned:
        return (words("scores.certainty"),)
    if not findings:
        return (words("answer.certainty.none"),)
    effect = sum(f["verdict"] in EFFECTS for f in findings)
    unsure = sum(f["verdict"] == "undecided" for f in findings)
    said = [
        words(
            "answer.certainty",
            total=len(findings),
            effect=effect,
            none=len(findings) - effect - unsure,
            open=unsure,
        ),
        words("answer.certainty.method"),
    ]
    if lone := sum(f.get("noise") == "items only" for f in findings):
        said.append(words("answer.certainty.one", n=lone))
    elif seeds := min((f["seeds"] for f in findings if f.get("seeds")), default=0):
        said.append(words("answer.certainty.seeds", seeds=seeds))
    if any(f.get("p_adjusted") is not None for f in findings):
        said.append(words("answer.certainty.adjusted"))
    if len(protocols := dict.fromkeys(m.protocol for m in view.measures)) > 1:
        said.append(words("answer.protocol", protocol=next(iter(protocols))))
        said.append(_side_by_side(view, findings, list(protocols), words))
    if len(view.models) > 1:
        about = "answer.about" if view.sized else "answer.about.label"
        said.append(words(about, model=view.models[-1]))
    return tuple(said)


def _side_by_side(
    view: View, findings: Sequence[Finding], protocols: Sequence[str], words: Words
) -> str:
    """Say in one sentence what shows under each protocol, as these are never compared."""
    at = [f for f in findings if f["kind"] == "mixing" and f.get("of") == "difference"]
    model = _lead(view, at)
    parts = []
    for protocol in protocols:
        own = [f for f in at if f["model"] == model and f["protocol"] == protocol]
        by = {
            verdict: list(dict.fromkeys(f["ability"] for f in own if f["verdict"] == verdict))
            for verdict in ("helps", "hurts", "undecided")
        }
        said = [
            words(f"answer.protocols.{verdict}", names=words.names(by[verdict]))
            for verdict in ("helps", "hurts")
            if by[verdict]
        ]
        if not said:
            kind = "none" if not own else "undecided" if by["undecided"] else "tied"
            said = [words(f"answer.protocols.{kind}")]
        lost = [
            f["ability"]
            for f in findings
            if f["kind"] == "forgetting" and f["verdict"] == "forgets"
            if f["model"] == model and f["protocol"] == protocol
        ]
        if lost:
            names = words.names(dict.fromkeys(lost))
            said.append(words("answer.protocols.forgets", names=names))
        parts.append(words("answer.protocols.at", protocol=protocol, said=words.names(said)))
    return words("answer.protocols", parts=words.join(parts), where=_where(view, model, words))


def _scored(view: View, model: str, words: Words) -> str:
    """Say on what a model is above chance, on what it may be guessing, and its other scores."""
    by: dict[str, list[str]] = defaultdict(list)
    headline: dict[str, Measure] = {}
    for measure in view.measures:
        headline.setdefault(measure.ability, measure)
    for p in view.points:
        if p.model == model and headline[p.measure.ability] == p.measure:
            write = unit_of(p.measure, words)
            interval = write.score_interval(p.interval) if p.interval else ""
            name = full_title(p.measure, view)
            told = f"{name} {write.score(p.score)}" + (f" ({interval})" if interval else "")
            by[_against_chance(p)].append(told)
    for told_of in by.values():
        told_of[:] = _few(told_of, words)
    first = words("scores.plain", model=model, parts=words.names(by["plain"]))
    parts = [first] if by["plain"] else []
    if by["above"]:
        parts.append(words("scores.above", model=model, names=words.names(by["above"])))
    for kind in ("level", "below"):
        if by[kind]:
            said = words(f"scores.{kind}", names=words.names(by[kind]))
            parts.append(said if parts else f"{model} {said}")
    return words("scores.sentence", parts=words.join(parts))


def _few(told: list[str], words: Words) -> list[str]:
    """Cut a long list: the table below it has them all."""
    return (
        told if len(told) <= FEW else [*told[: FEW - 1], words("list.more", n=len(told) - FEW + 1)]
    )


def _against_chance(p: Point) -> str:
    """Return `above`, `level` or `below` chance; `plain` where guessing scores nothing."""
    if not p.measure.chance or not p.interval:
        return "plain"
    if p.interval[0] > p.measure.chance:
        return "above"
    return "below" if p.interval[1] < p.measure.chance else "level"


def _headline(view: View, findings: Sequence[Finding]) -> list[Finding]:
    """Keep each in-domain ability's first metric, and what is about all abilities.

    Of several protocols it is the table's first: the other is told beside it.
    """
    first: dict[str, Measure] = {}
    for measure in view.measures:
        if measure.role == "in":
            first.setdefault(measure.ability, measure)
    lead = view.measures[0].protocol if view.measures else ""
    return [
        f
        for f in findings
        if (f["ability"] == "overall" and f.get("protocol") in (None, "", lead))
        or (f["ability"] in first and is_of(f, first[f["ability"]]))
    ]


def _lead(view: View, findings: Sequence[Finding]) -> str:
    """Return the largest model the findings speak of."""
    return next((m for m in reversed(view.models) if any(f["model"] == m for f in findings)), "")


def _where(view: View, model: str, words: Words) -> str:
    """Name the model where it is not the one that the sentences are about."""
    return "" if model == view.models[-1] else words("answer.where", model=model)


def _growth(view: View, findings: Sequence[Finding], every: Sequence[Finding], words: Words) -> str:
    alone = [f for f in findings if f.get("design") != "together"] or list(findings)
    model = _lead(view, alone)
    by: dict[str, list[str]] = defaultdict(list)
    for f in alone:
        if f["model"] == model:
            by[f["verdict"]].append(_grown(view, f, alone, words) + _elsewhere(f, every, words))
    parts = [
        words(
            f"answer.growth.{verdict}" + ("" if len(by[verdict]) == 1 else ".many"),
            names=words.names(by[verdict]),
        )
        for verdict in ("grows", "plateaus", "falls", "resists", "undecided")
        if by[verdict]
    ]
    if not parts:
        return words("answer.growth.none")
    return words("answer.growth", parts=words.join(parts), where=_where(view, model, words))


def _grown(view: View, f: Finding, beside: Sequence[Finding], words: Words) -> str:
    """Write `math (+4.1 points per doubling, +3.2 to +5.0)`."""
    name = grown(f, beside)
    if f["verdict"] == "undecided" or f["estimate"] is None:
        return name
    if f["verdict"] == "plateaus" and f.get("plateau_at"):
        span = f.get("plateau_interval")
        reach = f"{span[0]:,.0f} {words('unit.to')} {span[1]:,.0f}" if span else ""
        near = words("answer.near", rows=words.rows(f["plateau_at"]))
        return f"{name} ({words.clauses(near, reach)})"
    write = unit(f, view, words)
    size = words("test.per doubling", value=write.difference(f["estimate"]))
    reach = write.difference_interval(f["interval"]) if f["interval"] else ""
    return f"{name} ({words.clauses(size, reach)})"


def _elsewhere(f: Finding, every: Sequence[Finding], words: Words) -> str:
    """Say what the ability's other metrics decide where the first does not."""
    if f["verdict"] != "undecided":
        return ""
    same = ("kind", "ability", "model", "design", "source", "protocol")
    others = [o for o in every if o is not f and all(o.get(n) == f.get(n) for n in same)]
    said = [
        words("answer.elsewhere", metric=o["metric"], verdict=words(f"verdict.{o['verdict']}"))
        for o in others
        if o["verdict"] != "undecided"
    ]
    return f" ({words.names(said)})" if said else ""


def _mixing(view: View, findings: Sequence[Finding], words: Words) -> str:
    at = [f for f in findings if f.get("of", "difference") == "difference"]
    model = _lead(view, at)
    by: dict[str, dict[str, list[Finding]]] = defaultdict(lambda: defaultdict(list))
    for f in at:
        if f["model"] == model:
            by[f["ability"]][f["verdict"]].append(f)
    parts: list[str] = []
    tied: list[str] = []
    unsure: list[str] = []
    for ability, verdicts in by.items():
        effects = [
            _mixed(view, verdict, verdicts[verdict], words)
            for verdict in ("helps", "hurts")
            if verdict in verdicts
        ]
        if effects:
            effects_said = words.names(effects)
            parts.append(words("answer.mixing.effects", ability=ability, effects=effects_said))
        if not verdicts.keys() & {"helps", "hurts"}:
            (tied if verdicts.keys() == {"tied"} else unsure).append(ability)
    for verdict, names in (("tied", tied), ("undecided", unsure)):
        if names:
            many = "" if len(names) == 1 else ".many"
            parts.append(words(f"answer.mixing.{verdict}{many}", names=words.names(names)))
    if not parts:
        return words("answer.mixing.none")
    return words("answer.mixing", parts=words.join(parts), where=_where(view, model, words))


def _mixed(view: View, verdict: str, found: Sequence[Finding], words: Words) -> str:
    """Write `gains at 64 rows (+5.0 points, +2.1 to +7.9)`; of several amounts, the clearest."""
    clear = max(found, key=lambda f: abs(f["estimate"] or 0.0))
    write = unit(clear, view, words)
    amounts = words.names(f"{f['amount']:,.0f}" for f in sorted(found, key=lambda f: f["amount"]))
    size = write.difference(clear["estimate"])
    if clear["interval"]:
        size = words.clauses(size, write.difference_interval(clear["interval"]))
    if len(found) > 1:
        size = words("answer.mixing.most", size=size)
    return words(f"answer.mixing.{verdict}", amounts=amounts, size=size)


def _order(view: View, findings: Sequence[Finding], words: Words) -> str:
    parts = [p for p in (_ranked(view, findings, words), *_forgotten(view, findings, words)) if p]
    if not parts:
        return words("answer.strategy.none")
    where = _where(view, _lead(view, findings), words)
    return words("answer.order", parts=words.join(parts), where=where)


def _ranked(view: View, findings: Sequence[Finding], words: Words) -> str:
    model = _lead(view, findings)
    overall = [
        f
        for f in findings
        if f["kind"] == "strategy" and f["ability"] == "overall" and f["model"] == model
    ]
    if not overall:
        return ""
    if all(f["verdict"] == "undecided" for f in overall):
        return words("answer.strategy.undecided")
    if all(f["verdict"] in ("tied", "undecided") for f in overall):
        return words("answer.strategy.tied")
    first = next((f for f in overall if f.get("rank") == 1), None)
    # a strategy that the others are compared against has no finding of its own
    against = next((f["against"] for f in overall if f.get("against")), "")
    label = words.method(_label(first) if first else against)
    level = [f for f in overall if f is not first and f["verdict"] in ("tied", "undecided")]
    names = [words.method(_label(f)) for f in level]
    if first and first["verdict"] in ("tied", "undecided"):
        names = [words.method(against)]
    if first and first.get("rank_probability") is not None:
        sure = f"{first['rank_probability']:.2f}"
        said = words("answer.strategy.best", label=label, probability=sure)
    else:
        said = words("answer.strategy.first", label=label)
    return words("answer.strategy.level", first=said, names=words.names(names)) if names else said


def _forgotten(view: View, findings: Sequence[Finding], words: Words) -> list[str]:
    """Say what each strategy forgets most at its largest mixture, and which forget nothing."""
    model = _lead(view, findings)
    mine = [f for f in findings if f["kind"] == "forgetting" and f["model"] == model]
    if not mine:
        return []
    most = max(sum((f.get("amounts") or {}).values()) for f in mine)
    mine = [f for f in mine if sum((f.get("amounts") or {}).values()) == most]
    if all(f["verdict"] == "undecided" for f in mine):
        return [words("answer.forgetting.undecided")]
    lost: dict[str, list[str]] = {words.method(_label(f)): [] for f in mine}
    for f in sorted(mine, key=_loss, reverse=True):
        if f["verdict"] == "forgets":
            names, write = lost[words.method(_label(f))], unit(f, view, words)
            reach = write.difference_interval(f["interval"])
            size = words.clauses(write.difference(f["estimate"]), reach)
            names.append(f["ability"] if names else f"{f['ability']} ({size})")
    unsure = {words.method(_label(f)) for f in mine if f["verdict"] == "undecided"}
    keeps = [label for label, names in lost.items() if not names and label not in unsure]
    parts = [
        words("answer.forgetting.forgets", label=label, names=words.names(names))
        for label, names in lost.items()
        if names
    ]
    if not parts:
        return [words("answer.forgetting.nobody")]
    if keeps:
        one = ".one" if len(keeps) == 1 else ""
        parts.append(words(f"answer.forgetting.keeps{one}", labels=words.names(keeps)))
    return parts


def _loss(f: Finding) -> float:
    """Return how much is lost, so that the worst is told first."""
    return abs(float(f["estimate"] or 0))


def _label(f: Finding) -> str:
    return str(f.get("label") or f.get("strategy"))
