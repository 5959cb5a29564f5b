"""Findings as rows of a table: what was asked, estimate, interval, and the verdict aloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espalier.finding import SEEDS, UNKNOWN
from espalier.report.answer import EFFECTS
from espalier.report.lookup import named, unit
from espalier.report.numbers import Unit, plain, rows
from espalier.report.view import View
from espalier.report.words import Words

Finding = Mapping[str, Any]

GOOD = frozenset({"grows", "helps", "better", "keeps", "improves", "follows", "holds", "predicts"})
BAD = frozenset({"falls", "hurts", "worse", "forgets", "inverts", "fails"})
OPEN = frozenset({"undecided", "not tested"})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One finding in words."""

    kind: str
    ability: str
    model: str
    what: str
    estimate: str
    interval: str
    noise: str
    """What the interval allows for, said where that is less than seeds and items."""
    verdict: str
    tone: str
    """`good`, `bad`, `even` or `open`: how the verdict is coloured, beside being said."""
    why: str
    rows: tuple[str, ...]
    rows_more: int


def tone(verdict: str) -> str:
    """Return the colour of a verdict: an effect that is neither good nor bad is plain."""
    for name, verdicts in (("good", GOOD), ("bad", BAD), ("open", OPEN)):
        if verdict in verdicts:
            return name
    return "plain" if verdict in EFFECTS else "even"


def tests(
    view: View, findings: Sequence[Finding], words: Words, most_rows: int = 60
) -> tuple[Row, ...]:
    """Write each finding as a row, in the order given."""
    return tuple(_test(view, finding, words, most_rows) for finding in findings)


def _test(view: View, finding: Finding, words: Words, most_rows: int) -> Row:
    write = unit(finding, view, words)
    what, estimate, interval = _said(finding, write, words)
    on = [str(row) for row in finding.get("rows", ())]
    noise = finding.get("noise", UNKNOWN)
    return Row(
        kind=finding["kind"],
        ability=_ability(view, finding, words),
        model=words("test.all models") if finding["model"] == "all" else finding["model"],
        what=what,
        estimate=estimate,
        interval=interval,
        noise=words(f"noise.{noise}") if finding["interval"] and noise != SEEDS else "",
        verdict=words(f"verdict.{finding['verdict']}"),
        tone=tone(finding["verdict"]),
        why=words.reason(finding.get("why") or ""),
        rows=tuple(on[:most_rows]),
        rows_more=max(0, len(on) - most_rows),
    )


def _ability(view: View, finding: Finding, words: Words) -> str:
    if finding["ability"] == "overall":
        several = len({m.protocol for m in view.measures}) > 1
        name = words("test.overall")
        return f"{name} · {finding['protocol']}" if several else name
    return named(finding, view)


def _said(f: Finding, write: Unit, words: Words) -> tuple[str, str, str]:
    """Return what was asked, the estimate and the interval, each kind in its own unit."""
    estimate, interval = f["estimate"], f["interval"]
    size, reach = write.difference(estimate), write.difference_interval(interval)
    bare = plain(estimate), _range(interval, words)
    match f["kind"]:
        case "growth":
            return _grown(f, write, words), _per_doubling(size, estimate, words), reach
        case "size":
            return _inverted(f, write, words), _per_doubling(size, estimate, words), reach
        case "factors":
            return _parted(f, write, words), _per_doubling(size, estimate, words), reach
        case "mixing" if f.get("of") == "crossover":
            place = "–" if estimate is None else words.rows(estimate)
            return words("test.crossover"), place, _range(interval, words)
        case "mixing" if f.get("amount") is None:  # it has no rows of its own
            return words.amounts(f.get("mixture") or {}), size, reach
        case "mixing":
            return words("test.at", rows=words.rows(f["amount"])), size, reach
        case "strategy":
            return _ranked(f, words), size, reach
        case "forgetting":
            what = words.clauses(words.method(_label(f)), words.amounts(f.get("amounts") or {}))
            return what, size, reach
        case "exchange":
            what = f"{f.get('human', '')} / {f.get('synthetic', '')}"
            if f.get("beside"):
                what = words.clauses(what, words("design.together"))
            if f.get("ceiling") is not None:
                most = write.score(f["ceiling"])
                span = write.score_interval(f.get("ceiling_interval"))
                what = words.clauses(what, words("test.ceiling", score=most, interval=span))
            return what, words("test.rate", rate=bare[0]) if estimate is not None else "–", bare[1]
        case "ood" | "sensitivity":
            return words("test.correlation"), *bare
    return "", *bare


def _per_doubling(size: str, estimate: float | None, words: Words) -> str:
    return size if estimate is None else words("test.per doubling", value=size)


def _inverted(f: Finding, write: Unit, words: Words) -> str:
    return words.join(
        words(
            "test.inversion",
            larger=i["larger"],
            smaller=i["smaller"],
            size=write.difference(i["difference"]),
            interval=write.difference_interval(i["interval"]),
        )
        for i in f.get("inversions") or ()
    )


def _parted(f: Finding, write: Unit, words: Words) -> str:
    """Say what the ratio does beside the amount, and what either explains."""
    parts, amount, ratio = [words("test.factors")], f.get("amount"), f.get("ratio")
    if amount and ratio:
        reach = write.difference_interval(ratio["interval"])
        size = write.difference(ratio["effect"])
        parts.append(words("test.ratio", size=size, interval=reach))
        if amount["share"] is not None and ratio["share"] is not None:
            explained = {n: f"{p['share']:.0%}" for n, p in (("amount", amount), ("ratio", ratio))}
            parts.append(words("test.shares", **explained))
    return words.join(parts)


def _grown(f: Finding, write: Unit, words: Words) -> str:
    parts = [words(f"design.{f['design']}")] if f.get("design") in ("single", "together") else []
    if f.get("form_fits") is False:
        parts.append(words("growth.no_form"))
    elif f.get("form"):
        form = f"form.{f['form']}"
        parts.append(words(form) if form in words else f["form"])
    if f.get("plateau_at") is not None:
        parts.append(words("answer.near", rows=words.rows(f["plateau_at"])))
        if f.get("plateau_interval"):
            parts[-1] += f" ({_range(f['plateau_interval'], words)})"
    if f.get("out_of_sample_error") is not None:
        missed = write.difference(f["out_of_sample_error"])
        parts.append(words("test.foretold", size=missed))
    return words.clauses(*parts)


def _ranked(f: Finding, words: Words) -> str:
    what = words.method(_label(f))
    if f.get("against"):
        what = words("test.against", label=what, against=words.method(f["against"]))
    if f.get("rank") is not None:
        place = words("test.rank", rank=f["rank"], of=f.get("of_strategies") or "?")
        what = words.clauses(what, place)
    return what


def _label(f: Finding) -> str:
    return str(f.get("label") or f.get("strategy") or "")


def _range(interval: Sequence[float] | None, words: Words) -> str:
    if not interval:
        return "–"
    low, high = (rows(v) if abs(v) >= 10 else plain(v) for v in interval)
    return f"{low} {words('unit.to')} {high}"
