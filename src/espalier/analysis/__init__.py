"""From the results table to findings: one file, one research question.

An analysis is a function from evidence (the table in comparable panels, with its noise) to drafts
of findings; it lies on this shelf under its kind's name.  `analyze` runs them all, adjusts their
tests together, and puts the papers' claims to the findings.  Nothing is read but the table.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from espalier.analysis._claims import judge
from espalier.analysis._draft import Draft, decide
from espalier.analysis._evidence import Evidence, collect, unasked
from espalier.analysis._evidence import chosen_epochs as chosen_epochs
from espalier.finding import NO_EFFECT, VERDICTS, Finding, Findings
from espalier.results import Open, Table
from espalier.shelf import Shelf

Analysis = Callable[[Evidence], Iterable[Draft]]

analyses: Shelf[Analysis] = Shelf("espalier.analysis")
"""`analyses["growth"](evidence) -> drafts`"""


def analyze(table: Table, items: pd.DataFrame | None = None, *, level: float = 0.95) -> Findings:
    """Return all that the table bears: findings in the order of the page, claims, what was left.

    `items` (`key`, `item`, `score`, `cluster`) overrides the table's own.  Intervals are at
    `level`, each for itself; verdicts are adjusted for all tests of the table (see `_draft`).
    Effects that the adaptive run behind the table left open are not told.
    """
    if items is not None:
        table = replace(table, items=items)
    order = sorted(analyses, key=lambda kind: list(VERDICTS).index(kind))
    with _no_cycles():
        evidence = collect(table, level)
        drafts = [draft for kind in order for draft in analyses[kind](evidence)]
        findings = tuple(decide(drafts))
        left_out = (*table.left_out, *unasked(evidence))
    claims = tuple(judge(findings, table.probes))
    told = Findings(findings=findings, claims=claims, left_out=left_out)
    return withhold(told, doubts(table.open)) if table.open else told


@contextmanager
def _no_cycles() -> Iterator[None]:
    """Keep the garbage collector from looking, again and again, at millions of living values."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def withhold(findings: Findings, doubt: Callable[[Finding], str]) -> Findings:
    """Return the findings without the verdicts that `doubt` gives a reason against; claims anew.

    Their tests go with them; estimates and intervals stay.
    """
    kept = tuple(
        replace(f, verdict="undecided", why=reason, p=None, p_adjusted=None)
        if (reason := doubt(f))
        else f
        for f in findings.findings
    )
    # what rests on no finding, but on probes, stays as it was judged
    other = {c.id: c for c in findings.claims if c.verdict != "not tested" and not c.findings}
    claims = tuple(other.get(claim.id, claim) for claim in judge(kept))
    return replace(findings, findings=kept, claims=claims)


def subject(f: Finding) -> tuple[str, ...]:
    """Return what a finding is about: findings of one subject answer one question."""
    about = f.facts.get("source") or f.facts.get("label") or ""
    return f.kind, f.ability, f.model, f.metric, f.suite, str(about), f.protocol


def doubts(left: Iterable[Open]) -> Callable[[Finding], str]:
    """Return what gives the reason against an effect whose question was left open, else nothing."""
    questions: dict[tuple[str, ...], Open] = {
        (q.kind, q.ability, q.model, q.metric, q.suite, q.about, q.protocol): q for q in left
    }

    def doubt(f: Finding) -> str:
        question = questions.get(subject(f))
        if question is None or f.verdict in NO_EFFECT:
            return ""
        said = (
            f"the adaptive run ended with this open: {f.verdict} so far, and "
            f"{question.sure:.0%} of the forecasts of the full grid say the same"
        )
        if question.likely > question.sure:
            said += f"; most of them, {question.likely:.0%}, say {question.expected}"
        return said

    return doubt


def analyze_each(
    table: Table, kinds: Collection[str], study: Callable[[Finding], str]
) -> Mapping[str, tuple[Finding, ...]]:
    """Return what each study in a table bears, as if it were a table of its own.

    Protocols are never compared, so many noisy copies of one study, with protocols of their own,
    are analysed in one go; `study` tells which one a finding is of.  Only findings of `kinds`; but
    all are made, as their tests are adjusted together.
    """
    evidence = collect(table, 0.95)
    drafts: dict[str, list[Draft]] = defaultdict(list)
    for kind in analyses:
        for draft in analyses[kind](evidence):
            drafts[study(draft.finding)].append(draft)
    return {name: tuple(f for f in decide(own) if f.kind in kinds) for name, own in drafts.items()}
