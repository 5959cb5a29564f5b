"""A metric of a lm-evaluation-harness task, computed by the harness itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from espalier.ability import Grade, Item, Reply, Scorer
from espalier.harness import Wanted, metrics, tasks, values


def lm_eval(
    *,
    task: str,
    metric: str,
    filter: str = "none",  # noqa: A002  (the harness's own word)
    include: str | None = None,
    shots: int | None = None,
) -> Scorer:
    """Grade with the task's own filter and metric; see `espalier.harness`."""
    wanted = Wanted(task=task, include=include, shots=shots)
    grade = partial(_grade, wanted, metric, filter)
    better = {(name, kept): up for name, kept, up in metrics(wanted)}
    outputs = {found.OUTPUT_TYPE for found in tasks(wanted).values()}
    return Scorer(
        metric=metric if filter == "none" else f"{metric},{filter}",
        asks="generate" if outputs == {"generate_until"} else "likelihood",
        grade=lambda item, reply: next(iter(grade([(item, reply)]))),
        grade_all=grade,
        higher_is_better=better.get((metric, filter), True),
    )


def _grade(
    wanted: Wanted, metric: str, kept: str, pairs: Sequence[tuple[Item, Reply]]
) -> Iterable[Grade]:
    given = [
        (str(item.facts["task"]), int(item.facts["document"]), int(item.facts["repeats"]), reply)
        for item, reply in ((item, _ordered(item, reply)) for item, reply in pairs)
    ]
    for (_, reply), value in zip(pairs, values(wanted, metric, kept, given), strict=True):
        if value is None:
            yield Grade(score=None, reason=f"the task gives no {metric} for this question")
        else:
            yield Grade(score=value, extracted=None if reply.text is None else reply.text)


def _ordered(item: Item, reply: Reply) -> Reply:
    """Return the likelihoods in the task's own order; the item has the right one first."""
    order = item.facts.get("order") or []
    return Reply(
        text=reply.text,
        more=reply.more,
        finished=reply.finished,
        likelihoods=tuple(reply.likelihoods[place] for place in order),
    )
