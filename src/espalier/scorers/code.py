"""Code by its unit tests, in a sandbox: pass@1, and the unbiased pass@k of several samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from math import comb
from typing import Annotated

from pydantic import Field

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.errors import DataError, SpecError, choices
from espalier.sandbox import Job, Limits, Verdict, judge, sandboxes
from espalier.scorers._program import preamble, program

Count = Annotated[int, Field(ge=1)]


def code(
    *,
    k: Count = 1,
    sandbox: str = "bubblewrap",
    cpu_seconds: Count = 10,
    memory_mb: Annotated[int, Field(ge=64)] = 512,
    wall_seconds: Annotated[float, Field(gt=0)] = 120.0,
    workers: Count | None = None,
) -> Scorer:
    """Score the chance that one of `k` replies passes every test.

    1 - C(n - c, k) / C(n, k) for n replies of which c are right (Chen et al. 2021, arXiv
    2107.03374, section 2.1); of a single reply, 1 or 0.  The item's `facts` hold `tests` (Python
    that raises), `entry_point`, and optionally `prompt` (the code to go on from), `names` (what
    the tests may see of the program) and `setup`.
    """
    if sandbox not in sandboxes:
        raise SpecError(f"sandbox: no '{sandbox}'; {choices(sandbox, sandboxes)}")
    limits = Limits(cpu_seconds=cpu_seconds, memory_mb=memory_mb, wall_seconds=wall_seconds)
    run = partial(judge, sandboxes[sandbox], limits=limits, workers=workers)
    return Scorer(
        metric=f"pass_at_{k}",
        asks="generate",
        grade=lambda item, reply: next(_grades([(item, reply)], run, k)),
        grade_all=lambda pairs: _grades(pairs, run, k),
        check=sandboxes[sandbox].check,
    )


def _grades(
    pairs: Sequence[tuple[Item, Reply]], run: partial[Iterator[Verdict]], k: int
) -> Iterator[Grade]:
    """Yield the grade of each item as its programs are judged, all of them in one stream."""
    for item, _ in pairs:
        if not item.facts.get("tests"):
            raise DataError(f"item {item.id} has no tests; `code` judges by facts['tests']")
    verdicts = run(_job(item, text) for item, reply in pairs for text in reply.texts)
    for item, reply in pairs:
        yield _grade(item, reply, [next(verdicts) for _ in reply.texts], k)


def _grade(item: Item, reply: Reply, verdicts: Sequence[Verdict], k: int) -> Grade:
    if not verdicts:
        return Grade(score=None, reason="there is no reply")
    if len(verdicts) < k:
        return Grade(score=None, reason=f"pass@{k} of {len(verdicts)} replies cannot be told")
    passed = sum(verdict.passed for verdict in verdicts)
    score = 1 - comb(len(verdicts) - passed, k) / comb(len(verdicts), k)
    why = [v.reason for v in verdicts if not v.passed]
    reason = None if not why else why[0] if len(verdicts) == 1 else f"{passed} pass; {why[0]}"
    return Grade(score=score, extracted=_job(item, reply.texts[0]).program, reason=reason)


def _job(item: Item, text: str) -> Job:
    facts = item.facts
    prompt, name = str(facts.get("prompt", "")), str(facts.get("entry_point", ""))
    names: Iterable[str] = facts.get("names") or ([name] if name else [])
    return Job(
        program=program(text, prompt=prompt, name=name),
        tests=str(facts["tests"]),
        names=tuple(names),
        setup=str(facts["setup"]) if "setup" in facts else preamble(prompt, name),
    )
