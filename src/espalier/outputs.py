"""The files a person reads: from a plan and its store to table, findings and report.

store --collect--> results.csv, items.parquet, sources.yaml --analyze--> findings.json
                                                          --recommend--> recommendation.json
                                                             --report--> report.html
"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier import __version__
from espalier.collect import collect, items, missing, origins
from espalier.errors import DataError
from espalier.files import write_whole
from espalier.plan import Plan
from espalier.probed import points, pooled, probed
from espalier.step import Key
from espalier.steps.evaluate import Score
from espalier.steps.train import Snapshot
from espalier.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from espalier.finding import Findings
    from espalier.report.facts import Cost, Reply, StudyFacts, Verified
    from espalier.results import Open, Table


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What was written, and what it rests on."""

    folder: Path
    table: Table
    findings: Findings
    facts: StudyFacts


def conclude(
    plan: Plan,
    store: Store,
    folder: Path,
    *,
    study_text: str,
    reasons: Mapping[Key, str] | None = None,
    advice: Mapping[str, Any] | None = None,
    left: Sequence[Open] = (),
) -> Outputs:
    """Write results, findings and report of what is in the store; unfinished steps are named.

    `reasons` says of steps that were never asked for why they were not; `advice` is a
    recommendation that was made already, as JSON values, else one is made with the defaults;
    `left` is what an adaptive run left open: the sidecar names it, and no effect is told of it.

    Raises `DataError` where nothing has been measured yet.
    """
    from espalier import analysis, report, results

    rows = measured(plan, store)
    table = replace(tabulate(plan, store, rows), open=tuple(left))
    folder.mkdir(parents=True, exist_ok=True)
    results.write(rows, folder / "results.csv")
    if table.items is not None:
        aside = folder / f".items.parquet.{os.getpid()}"
        table.items.to_parquet(aside, index=False)
        aside.replace(folder / "items.parquet")
    if table.probes is not None:
        write_whole(folder / "probe.csv", probed(plan, store).to_csv(index=False))
    sidecar = {"sources": [origin.model_dump() for origin in origins(plan)]}
    if left:
        sidecar["open"] = [question.model_dump() for question in left]
    write_whole(folder / "sources.yaml", json.dumps(sidecar, indent=2) + "\n")
    findings = analysis.analyze(table)
    write_whole(folder / "findings.json", findings.to_json() + "\n")
    advice = advice or advise(table, plan, store)
    if advice:
        write_whole(folder / "recommendation.json", json.dumps(advice, indent=1) + "\n")
    facts = facts_of(plan, store, study_text, reasons)
    verified = verified_in(folder / "verify.json", advice)
    facts = replace(facts, verified=verified)
    report.report(table, findings, folder / "report.html", study=facts, recommendation=advice)
    return Outputs(folder=folder, table=table, findings=findings, facts=facts)


def advise(
    table: Table, plan: Plan | None = None, store: Store | None = None
) -> dict[str, Any] | None:
    """Recommend with the defaults, as JSON values: the rows of the largest measured cell.

    Where the table bears no recommendation, `{"failed": why}`; None where nothing was tuned.
    """
    from espalier.errors import EspalierError
    from espalier.recommend import Setting, recommend
    from espalier.verify import setting_of

    if not (table.frame["stage"] > 0).any():
        return None
    setting = setting_of(plan, store) if plan and store else Setting()
    try:
        told = recommend(table, setting=setting).to_dict()
    except EspalierError as error:
        return {"failed": str(error)}
    advice: dict[str, Any] = json.loads(json.dumps(told, default=float))
    return advice


def verified_in(path: Path, advice: Mapping[str, Any] | None) -> tuple[Verified, ...]:
    """Return what `run --verify` measured of this very recommendation; nothing of an older one."""
    from espalier.recommendation import read
    from espalier.report.facts import Verified

    if not advice or not advice.get("choice") or not path.is_file():
        return ()
    told, checks = read(path)
    then = told["choice"] or {}
    same = all(then.get(n) == advice["choice"][n] for n in ("amounts", "strategy", "k"))
    return Verified.of(checks) if same else ()


def measured(plan: Plan, store: Store) -> pd.DataFrame:
    """Return the rows of what is in the store, or refuse where there are none yet."""
    rows = collect(plan, store)
    if rows.empty:
        raise DataError(
            f"{plan.study.name}: nothing measured yet in {store.root}; `espalier run` does it"
        )
    return rows


def tabulate(plan: Plan, store: Store, rows: pd.DataFrame) -> Table:
    """Return the rows as the table that analysis reads, with items and sources beside it."""
    from espalier import results

    table = results.tidy(
        rows,
        sources=origins(plan),
        items=items(plan, store),
        where=plan.study.name,
        items_where="items",
        sidecar=True,
    )
    looked_at = pooled(probed(plan, store))
    return replace(table, probes=looked_at if len(looked_at) else None)


def facts_of(
    plan: Plan, store: Store, study_text: str, reasons: Mapping[Key, str] | None = None
) -> StudyFacts:
    """Return what the report tells beyond the table."""
    from espalier.report.facts import StudyFacts

    return StudyFacts(
        name=plan.study.name,
        question=" ".join(plan.study.question.split()),
        study=study_text,
        sources={s.name: s.ability for s in plan.study.sources if s.ability != s.name},
        cost=_cost(plan, store),
        not_run=tuple(missing(plan, store, reasons)),
        provenance=_provenance(plan, store),
        replies=tuple(_replies(plan, store)),
        points=points(plan, store) if plan.looks else None,
    )


def _cost(plan: Plan, store: Store) -> Cost:
    """Add up what the steps took, and what sharing saved."""
    from espalier.report.facts import Cost

    cpu = {key: store.cost(step).get("cpu_seconds", 0.0) for key, step in plan.steps.items()}
    again = sum(cpu[key] * (cells - 1) for key, cells in plan.asked.items())
    return Cost(
        cells=len(plan.cells),
        stages_asked=plan.stages_asked,
        stages_trained=sum(1 for step in plan.stages if store.has(step)),
        cpu_minutes=round(sum(cpu.values()) / 60, 2),
        minutes_saved=round(again / 60, 2),
    )


def _provenance(plan: Plan, store: Store) -> Mapping[str, str]:
    ended = [store.cost(step).get("finished", "") for step in plan.steps.values()]
    models = (f"{name}: {opened.digest[:16]}" for name, opened in plan.catalog.models.items())
    rows = (
        f"{name}: {len(read.messages)} rows, {read.digest[:16]}"
        + (f", {len(read.bad)} unusable" if read.bad else "")
        for name, (_, read) in plan.catalog.sources.items()
    )
    return {
        "Espalier": __version__,
        "last step finished": max(ended, default="") or "unknown",
        "store": str(store.root),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "models": "; ".join(models),
        "sources": "; ".join(rows),
    }


def _replies(plan: Plan, store: Store) -> list[Reply]:
    """Choose a few replies to look at: of every ability and checkpoint, right, wrong, unscored.

    They are the first of each kind, not the best; of each model and strategy, the checkpoint that
    saw most data, and of each model the untuned one.
    """
    chosen: dict[tuple[str, str, str], tuple[int, str, Score]] = {}
    for m in plan.measurements:
        if m.score.answer.questions.kind != "generate" or not store.has(m.score):
            continue
        if m.split == "valid" or isinstance(m.score.answer.checkpoint, Snapshot):
            continue
        if m.cell is None or m.stage == 0:
            where, seen, of = "untuned", 0, f"{m.model.name}, untuned"
        elif m.stage < len(m.cell.stages):
            continue
        else:
            options = f" k={m.cell.options['k']}" if "k" in m.cell.options else ""
            where, seen = f"{m.cell.strategy}{options}", sum(m.cell.mixture.values())
            of = f"{m.model.name}, {where}, {seen:,} rows"
        place = (m.use.name, m.model.name, where)
        if place not in chosen or seen > chosen[place][0]:
            chosen[place] = seen, of, m.score
    return [
        reply
        for (ability, _, _), (_, of, score) in sorted(chosen.items(), key=lambda one: one[0][0])
        for reply in replies_of(store, score, ability=ability, of=of, most=1)
    ]


def replies_of(store: Store, score: Score, *, ability: str, of: str, most: int) -> Iterator[Reply]:
    """Yield the first `most` replies of each kind: right, wrong, unscored.

    They are the first, not the best.  Where likelihoods were compared, what the model would choose
    stands for its reply.
    """
    import pyarrow.parquet as pq

    from espalier.report.facts import Reply

    seen: Counter[str] = Counter()
    for row in pq.read_table(store.path(score) / "items.parquet").to_pylist():
        reply = Reply(
            ability=ability,
            prompt=row["prompt"],
            reply=(row["extracted"] if row["reply"] is None else row["reply"]) or "",
            reference=row["target"],
            score=row["score"],
            of=of,
            key=score.key,
        )
        seen[reply.kind] += 1
        if seen[reply.kind] <= most:
            yield reply
