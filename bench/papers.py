"""The page `docs/papers.md`: what the published numbers of both papers bear, with figures.

    python bench/papers.py

Every number on the page comes from the analysis of the tables under `tests/papers/`; a test holds
the page against them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

from espalier.finding import Claim, Finding
from markup import number, table
from published import EPOCHS, dong2023, song2023

DOCS = Path(__file__).parent.parent / "docs"
SIZES = {"llama-7b": "7B", "llama-13b": "13B", "llama-33b": "33B"}
COLOURS = ["#7fb3d5", "#2e86c1", "#1b4f72"]
NAMES = {"math": "GSM8K", "code": "HumanEval", "general": "MT-Bench"}
MOST = {"math": 110142, "code": 20022, "general": 86060}
SHARES = ("1", "1/4", "1/16", "1/64", "1/256")
Rows = list[dict[str, Any]]


# --- the page ----------------------------------------------------------------------------------


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, growth(), mixing(), strategies(), replay(), hidden()]
    parts += [claims("Dong et al., claim by claim", dong_claims()), SONG, constructions()]
    parts += [claims("Song et al., claim by claim", song_claims()), TAIL]
    return "\n\n".join(part.strip() for part in parts) + "\n"


HEAD = """
# What the papers' own numbers bear

<!-- Made by `python bench/papers.py`; a test holds it against the analysis. -->

Dong et al. (2023) and Song et al. (2023) read their curves by eye: single runs, no intervals, on
benchmarks whose noise is larger than many of the effects. Their tables are typed in under
`tests/papers/`; here they go through the same analysis as anybody's table. Item noise is binomial
(GSM8K 1,319 items, HumanEval 164, AGIEval 3,269, CMMLU 11,582); MT-Bench has none that is known.

**No single finding is decided**: one seed says nothing about another run, so every verdict is
`undecided` and every interval allows for the items only. The papers' *claims* are judged all the
same, by a test that is cautious and says what it takes for granted: another run is taken to
scatter as the scores do about smooth growth curves (Dong et al.) or, where there are none, as much
again as the items do (Song et al.). The tests of one claim's part are adjusted together.
"""

SONG = """
## Song et al.: which rows, not how many

The scores of the ten abilities exist only as figures; what is printed are two benchmarks that no
source trains, after 5, 10 and 15 epochs of one run. *Reconstruct* has as many rows as *Baseline*,
taken from the abilities that respond; *Maximum* has all of them; then GPT-4 rows are added.
"""

TAIL = """
## What no analysis can mend

* Hidden states (claim 6 of Dong et al.) and scores that exist only as figures (most of Song et al.)
  are in no table, so the claims about them are *not tested*.
* A paper prints some cells twice with two values: 13B multi-task has 50.94 and 50.49 on GSM8K, and
  7B with 1/64 of the general rows 47.68 and 47.23. Both count, by their mean.
"""


def growth() -> str:
    """Return what is told of growth."""
    rows = []
    for ability, name in NAMES.items():
        for f in dong2023().of("growth", ability=ability):
            p = f"{f.p:.4f}" if f.p and f.p >= 0.0001 else "< 0.0001"
            rows.append([name, SIZES[f.model], number(f.estimate, 2), span(f, 2), f["form"], p])
    return f"""
## Growth

![Growth of three abilities with their own data](papers/growth.svg)

Points of gain for each doubling of the ability's own rows, from the smallest to the largest amount.

{table(["benchmark", "size", "gain per doubling", "95 %, items only", "form", "p, cautious"], rows)}
"""


def mixing() -> str:
    """Return what is told of mixing, and of the crossover."""
    rows = []
    for f in dong2023().of("mixing", of="crossover", ability="math"):
        low, high = f.interval or (None, None)
        end = "the largest amount, and may lie beyond" if "outside" in f.why else amount(high)
        rows.append(
            [SIZES[f.model], amount(f.estimate), share(f.estimate), f"{amount(low)} to {end}"]
        )
    full = differences("math", MOST["math"])
    worst = max(abs(f.estimate / error(f)) for f in full if f.estimate is not None)
    small = differences("math", 430)
    conflict = listed([number(f.estimate, 2) for f in full])
    clear = [SIZES[f.model] for f in small if f.interval and f.interval[0] > 0]
    return f"""
## Mixing: help at little data, conflict at much?

![Mixed minus single](papers/mixing.svg)

The difference changes its sign on GSM8K between 1/64 (1,720 rows) and 1/16 (6,883 rows) of the
data at all three sizes. Where exactly is known from below only: the harm above the crossing is too
small to say that it is there at all.

{table(["size", "crossover, GSM8K rows", "share of the data", "95 %, items only"], rows)}

At the smallest amount the help is beyond the items' noise at {listed(clear)}. At the full
amount the conflict is {conflict} points ({listed(list(SIZES.values()))}),
at most {worst:.1f} standard errors of its items: **the conflict at full data is not shown**.
"""


def differences(ability: str, own: int) -> list[Finding]:
    """Return mixed minus single at an amount, of the mixtures with all general rows."""
    found = dong2023().of("mixing", of="difference", ability=ability, amount=own)
    return [f for f in found if "general_without_code_math" not in f["mixture"]]


def strategies() -> str:
    """Return what is told of strategies."""
    rows = []
    for model, size in SIZES.items():
        for ability in ("math", "code"):
            (f,) = dong2023().of("strategy", ability=ability, model=model, label="dmt k=1/256")
            pair = next(p for p in f["pairs"] if p["against"] == "mixed_sequential")
            low, high = pair["interval"]
            both = [number(f.estimate, 2), span(f, 2), number(pair["difference"], 2)]
            rows.append(
                [size, NAMES[ability], *both, f"{low:.2f} to {high:.2f}", f"{pair['p']:.3f}"]
            )
    head = ["size", "benchmark", "DMT minus multi-task", "95 %, items only"]
    head += ["DMT minus mixed sequential", "95 %, items only", "p, cautious"]
    code = list(dong2023().of("strategy", ability="code"))
    beyond = sum(not (f.interval[0] < 0 < f.interval[1]) for f in code if f.interval)
    return f"""
## Strategies

![Strategies against multi-task](papers/strategies.svg)

Sequential training loses GSM8K far beyond its noise at every size, and DMT keeps most of what is
lost. Of the {len(code)} HumanEval differences from multi-task, {beyond} are beyond the noise of its
164 items. MT-Bench gaps of 0.06 to 0.10 cannot be judged, since nothing says how much it scatters.

{table(head, rows)}
"""


def replay() -> str:
    """Return what is told of k."""
    claim = next(c for c in dong2023().claims if c.id == "dong2023.5")
    return f"""
## DMT's k

![Scores by k](papers/k.svg)

{sentence(claim.because)}
"""


def hidden() -> str:
    """Return what is told of general rows without code and math."""
    rows = [
        [
            NAMES[f.ability],
            amount(f["amount"]),
            *(number(v, 2) for v in (f["against_score"], f["mixed"], f.estimate)),
            span(f, 2),
        ]
        for ability in ("math", "code")
        for f in dong2023().of("mixing", of="construction", ability=ability)
    ]
    head = ["benchmark", "own rows", "all general rows", "without code and math", "difference"]
    return f"""
## General rows without their hidden code and math

The same mixtures, with ShareGPT exchanged for what is left of it (7B).

{table([*head, "95 %, items only"], rows)}
"""


def constructions() -> str:
    """Return what is told of mixtures of another make."""
    rows = []
    for new, old in PAIRS:
        for ability, suite in SUITES:
            cells = []
            for epoch in EPOCHS:
                found = song2023(epoch).of("mixing", suite=suite, name=new, against=old)
                f = next(found)
                clear = f.interval is not None and not f.interval[0] < 0 < f.interval[1]
                cells.append(f"**{f.estimate:+.2f}**" if clear else f"{f.estimate:+.2f}")
            rows.append([f"{words(new)} minus {words(old)}", ability, *cells])
    return f"""
![Mixtures of another make](papers/constructions.svg)

Points of difference; bold where the interval of the items leaves out zero.

{table(["mixtures", "benchmark", *(f"{e} epochs" for e in EPOCHS)], rows)}
"""


PAIRS = (
    ("reconstruct", "baseline"),
    ("maximum", "baseline"),
    ("maximum", "reconstruct"),
    ("maximum_synthetic_2560", "maximum"),
    ("maximum_synthetic_40960", "maximum"),
)
SUITES = (
    ("AGIEval, 0-shot", "agieval-0-shot"),
    ("AGIEval, 5-shot", "agieval-5-shot"),
    ("CMMLU, 0-shot", "cmmlu-0-shot"),
    ("CMMLU, 5-shot", "cmmlu-5-shot"),
)


def words(name: str) -> str:
    """Return a mixture's name as the paper says it."""
    return {
        "maximum_synthetic_2560": "Maximum + 2.56k GPT-4",
        "maximum_synthetic_40960": "Maximum + 41k GPT-4",
    }.get(name, name.capitalize())


def dong_claims() -> Rows:
    """Return the claims of Dong et al. on their own tables."""
    own = [c for c in dong2023().claims if c.id.startswith("dong")]
    return [{"claim": c, "verdict": c.verdict, "because": sentence(c.because)} for c in own]


def song_claims() -> Rows:
    """Return the claims of Song et al. on their own tables, by epoch."""
    found = [[c for c in song2023(e).claims if c.id.startswith("song")] for e in EPOCHS]
    rows = []
    for by_epoch in zip(*found, strict=True):
        verdicts = [c.verdict for c in by_epoch]
        same = len(set(verdicts)) == 1
        told = verdicts[0] if same else ", ".join(verdicts) + f" ({listed(EPOCHS)} epochs)"
        rows.append(
            {"claim": by_epoch[0], "verdict": told, "because": sentence(by_epoch[0].because)}
        )
    return rows


def claims(title: str, rows: Rows) -> str:
    """Return a table of claims."""
    lines = []
    for row in rows:
        claim: Claim = row["claim"]
        lines.append([claim.id, claim.text, f"**{row['verdict']}**", row["because"]])
    return f"## {title}\n\n{table(['', 'claim', 'verdict', 'because'], lines)}"


# --- words and numbers -------------------------------------------------------------------------


def span(finding: Finding, digits: int) -> str:
    """Return an interval, or a dash."""
    if finding.interval is None:
        return "–"
    low, high = finding.interval
    return f"{low:.{digits}f} to {high:.{digits}f}"


def amount(value: float | None) -> str:
    """Return a number of rows."""
    return number(value, 0)


def share(rows: float | None) -> str:
    """Return a number of math rows as a share of them all."""
    return "–" if not rows else f"1/{MOST['math'] / rows:.0f}"


def error(finding: Finding) -> float:
    """Return the standard error of the items."""
    low, high = finding.interval or (0.0, 0.0)
    return (high - low) / 2 / 1.96


def listed(values: Sequence[object]) -> str:
    """Return values in a row, the last after `and`."""
    told = [str(v) for v in values]
    return told[0] if len(told) == 1 else ", ".join(told[:-1]) + " and " + told[-1]


def sentence(text: str) -> str:
    """Return clauses as a sentence."""
    return text[:1].upper() + text[1:] + "."


# --- figures -----------------------------------------------------------------------------------


def figures() -> dict[str, Callable[[], Any]]:
    """Return the figures by file name."""
    return {
        "growth": _growth,
        "mixing": _mixing,
        "strategies": _strategies,
        "k": _sweep,
        "constructions": _constructions,
    }


def _size(title: str | None = "model") -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(SIZES.values()), range=COLOURS)
    return alt.Color("size:N", scale=scale, title=title)


def _faceted(rows: Rows, layers: Callable[[Any], Any], titles: Sequence[str]) -> Any:
    """Return one panel for each benchmark, each with its own scale."""
    import altair as alt

    panels = []
    for title in titles:
        mine = alt.InlineData(values=[row for row in rows if row["benchmark"] == title])
        panels.append(layers(alt.Chart(mine)).properties(width=220, height=200, title=title))
    return alt.hconcat(*panels)


def _nothing() -> Any:
    """Return the line of no difference."""
    import altair as alt

    line = alt.Chart(alt.InlineData(values=[{"zero": 0}]))
    return line.mark_rule(color="#999").encode(y="zero:Q")


def _bars(base: Any, x: Any, y: str) -> Any:
    """Return points with their intervals, and the line of no difference."""
    import altair as alt

    marks = base.encode(x=x, color=_size(), xOffset="size:N")
    title = alt.Y("estimate:Q", title=y)
    return alt.layer(
        _nothing(),
        marks.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=y), y2="high:Q"),
        marks.mark_point(filled=True, size=45).encode(y=title),
    )


def _row(f: Finding, **more: Any) -> dict[str, Any]:
    low, high = f.interval or (None, None)
    return {
        "size": SIZES.get(f.model, ""),
        "estimate": f.estimate,
        "low": low,
        "high": high,
        **more,
    }


def _growth() -> Any:
    import altair as alt

    rows: Rows = []
    for f in dong2023().of("growth"):
        for point in f["points"]:
            low, high = point["interval"] or (None, None)
            near = 4 ** round(math.log(MOST[f.ability] / point["amount"], 4))
            rows.append(
                {
                    "benchmark": NAMES[f.ability],
                    "size": SIZES[f.model],
                    "share": "1" if near == 1 else f"1/{near}",
                    "estimate": point["score"],
                    "low": low,
                    "high": high,
                }
            )
    x = alt.X("share:O", sort=list(reversed(SHARES)), title="share of the ability's own rows")

    def layers(base: Any) -> Any:
        marks = base.encode(x=x, color=_size())
        return alt.layer(
            marks.mark_line(strokeWidth=1, opacity=0.6).encode(
                y=alt.Y("estimate:Q", title="score")
            ),
            marks.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q"),
            marks.mark_point(filled=True, size=40).encode(y="estimate:Q"),
        )

    return _faceted(rows, layers, list(NAMES.values()))


def _mixing() -> Any:
    import altair as alt

    rows = []
    for ability, name in NAMES.items():
        for place, told in enumerate(SHARES):
            found = differences(ability, MOST[ability] // 4**place)
            rows += [_row(f, benchmark=name, share=told) for f in found]
    x = alt.X("share:O", sort=list(reversed(SHARES)), title="share of every source")
    return _faceted(rows, lambda base: _bars(base, x, "mixed minus single"), list(NAMES.values()))


def _strategies() -> Any:
    import altair as alt

    order = ("sequential", "mixed_sequential", "dmt k=1/256")
    rows = [
        _row(f, benchmark=NAMES[f.ability], label=f["label"].replace("_", " "))
        for f in dong2023().of("strategy")
        if f.ability in NAMES and f["label"] in order
    ]
    x = alt.X("label:O", sort=[o.replace("_", " ") for o in order], title=None)
    return _faceted(rows, lambda base: _bars(base, x, "minus multi-task"), list(NAMES.values()))


def _sweep() -> Any:
    import altair as alt

    rows = [
        _row(f, benchmark=NAMES[f.ability], k=f["label"].removeprefix("dmt k="))
        for f in dong2023().of("strategy", strategy="dmt")
        if f.ability in NAMES
    ]
    x = alt.X("k:O", sort=list(reversed(SHARES)), title="k")
    return _faceted(rows, lambda base: _bars(base, x, "DMT minus multi-task"), list(NAMES.values()))


def _constructions() -> Any:
    import altair as alt

    rows: Rows = []
    for epoch in EPOCHS:
        for new, old in (PAIRS[0], PAIRS[1], PAIRS[4]):
            for name, suite in SUITES:
                f = next(song2023(epoch).of("mixing", suite=suite, name=new, against=old))
                pair = f"{words(new)} minus {words(old)}"
                rows.append(_row(f, benchmark=pair, suite=name) | {"epochs": f"{epoch}"})
    colour = alt.Color("epochs:N", scale=alt.Scale(domain=[str(e) for e in EPOCHS], range=COLOURS))

    def layers(base: Any) -> Any:
        marks = base.encode(
            x=alt.X("suite:O", title=None), color=colour, xOffset=alt.XOffset("epochs:O", sort=None)
        )
        y = alt.Y("low:Q", title="difference")
        return alt.layer(
            _nothing(),
            marks.mark_rule(strokeWidth=1.5).encode(y=y, y2="high:Q"),
            marks.mark_point(filled=True, size=40).encode(y="estimate:Q"),
        )

    return _faceted(rows, layers, list(dict.fromkeys(row["benchmark"] for row in rows)))


def draw(chart: Any) -> str:
    """Return a chart as SVG, readable on light and dark pages."""
    import vl_convert

    config: Mapping[str, Any] = {
        "background": "white",
        "padding": 8,
        "axis": {"labelAngle": 0, "gridOpacity": 0.5},
        "axisX": {"labelAngle": -30},
        "font": "sans-serif",
    }
    drawn: str = vl_convert.vegalite_to_svg(chart.configure(**config).to_json())
    return drawn


def main() -> None:
    folder = DOCS / "papers"
    folder.mkdir(exist_ok=True)
    for name, chart in figures().items():
        (folder / f"{name}.svg").write_text(draw(chart()), encoding="utf-8")
    (DOCS / "papers.md").write_text(page(), encoding="utf-8")
    print(f"{DOCS / 'papers.md'}: written, with {len(figures())} figures")


if __name__ == "__main__":
    main()
