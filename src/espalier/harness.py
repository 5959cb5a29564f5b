"""Tasks of lm-evaluation-harness: their questions, and their own grading of what a model said.

Written for its 0.4.13.  A task of the harness is data, templates, filters and metrics; all of that
stays the harness's.  Only the model is ours: `questions` says what it has to be asked, `values`
turns what it said into the harness's own numbers, one for each question, metric and filter.

What cannot be asked or averaged honestly is refused: rolling perplexity, images and sound, code
that the harness would run on this machine, and metrics that are no mean over questions.
"""

from __future__ import annotations

import json
import logging
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, Literal, NoReturn

from espalier.ability import Message, Prompt, Reply
from espalier.errors import EspalierError, MissingError, SpecError, choices

Form = Literal["raw", "chat"]
Task = Any
"""A task object of the harness; its types are its own business."""

SEED = 1234
"""What the harness itself draws few-shot examples with."""

OUTPUTS = ("multiple_choice", "generate_until", "loglikelihood")
MEANS = ("mean", "nanmean")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A task by name, and how it is to be asked."""

    task: str
    include: str | None = None
    """A folder of task files, beside those that come with the harness."""
    shots: int | None = None
    """Examples before each question; None: as many as the task itself says."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """One document of a task as it is asked."""

    task: str
    document: int
    prompt: Prompt
    candidates: tuple[str, ...]
    """What may follow, in the task's order; empty where the model writes the reply itself."""
    gold: int | None
    """The place of the right candidate, where there is one."""
    target: str
    generation: Mapping[str, Any]
    repeats: int


def tasks(wanted: Wanted) -> Mapping[str, Task]:
    """Return the tasks that a name means: itself, or the members of a group or tag."""
    return _loaded(wanted)


def questions(wanted: Wanted, *, form: Form, limit: int | None = None) -> list[Asking]:
    """Return what a model has to be asked, at most `limit` questions of each task."""
    return [a for name, task in tasks(wanted).items() for a in _asked(name, task, form, limit)]


def metrics(wanted: Wanted) -> list[tuple[str, str, bool]]:
    """Return (metric, filter, higher is better) of every metric that is a mean over questions.

    Raises `SpecError` where there is none, or where the tasks of a group differ in them.
    """
    found = {name: _metrics(task) for name, task in tasks(wanted).items()}
    first, *others = found.values()
    if any(other != first for other in others):
        raise SpecError(
            f"lm_eval:{wanted.task}: its tasks have different metrics; name one of them"
        )
    if not first:
        raise SpecError(
            f"lm_eval:{wanted.task}: none of its metrics is a mean over questions "
            f"({', '.join(next(iter(tasks(wanted).values())).aggregation()) or 'none named'})"
        )
    return first


def values(
    wanted: Wanted, metric: str, kept: str, given: Sequence[tuple[str, int, int, Reply]]
) -> list[float | None]:
    """Return the harness's number for each (task, document, repeats, reply).

    `kept` is the name of the filter that goes before the metric.  A filter sees all replies to a
    task, as it does in the harness.  None where the metric says nothing about a document.
    """
    found: dict[int, float | None] = {}
    for name, task in tasks(wanted).items():
        mine = [(i, *rest) for i, (of, *rest) in enumerate(given) if of == name]
        if mine:
            found.update(_values(task, metric, kept, mine))
    return [found.get(i) for i in range(len(given))]


def _values(
    task: Task, metric: str, kept: str, mine: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, float | None]]:
    from lm_eval.api.instance import Instance

    documents, greedy = task.eval_docs, _greedy(task)
    instances = []
    for place, document, repeats, reply in mine:
        says: list[Any] = [(found.total, greedy) for found in reply.likelihoods] or [None]
        for idx, one in enumerate(says):
            instance = Instance(
                request_type=task.OUTPUT_TYPE,
                doc=documents[document],
                arguments=(),
                idx=idx,
                metadata=(None, place, repeats),
            )
            texts = reply.texts * (repeats if len(reply.texts) == 1 else 1)
            instance.resps = list(texts) if one is None else [one]
            instances.append(instance)
    with _quiet():
        next(f for f in task._filters if f.name == kept).apply(instances)
        said: dict[Any, list[Any]] = {}
        for instance in instances:
            said.setdefault(instance.doc_id, []).append(instance.filtered_resps[kept])
        for place, document, _, _ in mine:
            result = task.process_results(documents[document], said[place])
            value = result.get(metric)
            yield place, None if value is None else float(value)


def _greedy(task: Task) -> Any:
    """Return what is told of a candidate beside its likelihood: whether it is the greedy reply.

    The harness's own grading of a choice reads it for `exact_match` alone, which is left out.
    """
    own = task.OUTPUT_TYPE == "multiple_choice" and not callable(task.config.process_results)
    return False if own else _Unknown()


class _Unknown:
    """Whether a reply is what greedy decoding would write: likelihoods alone do not tell."""

    def __bool__(self) -> NoReturn:
        raise _UnknownError

    def __int__(self) -> NoReturn:
        raise _UnknownError


class _UnknownError(Exception):
    pass


def _asked(name: str, task: Task, form: Form, limit: int | None) -> Iterator[Asking]:
    """Yield the questions of one task, built by the task itself."""
    chat = {
        "apply_chat_template": True,
        "fewshot_as_multiturn": True,
        "chat_template": _as_json,
    }
    task.set_fewshot_seed(seed=SEED)  # a task that is asked again draws the same examples again
    with _quiet():
        task.build_all_requests(limit=limit, **(chat if form == "chat" else {}))
    together: dict[int, list[Any]] = {}
    for instance in task.instances:
        together.setdefault(instance.doc_id, []).append(instance)
    for document, instances in together.items():
        instances.sort(key=lambda instance: instance.idx)
        yield _asking(name, task, document, instances, form)


def _asking(name: str, task: Task, document: int, instances: Sequence[Any], form: Form) -> Asking:
    contexts = {instance.args[0] for instance in instances}
    if len(contexts) > 1:
        raise SpecError(
            f"lm_eval:{name}: asks one question under several prompts, which is not supported "
            "(multiple inputs, or acc_mutual_info)"
        )
    doc = instances[0].doc
    writes = task.OUTPUT_TYPE == "generate_until"
    candidates = () if writes else tuple(str(instance.args[1]) for instance in instances)
    gold = None if writes else _gold(task, doc, len(candidates))
    joint = task.config.target_delimiter if form == "raw" else ""
    target = candidates[gold or 0] if candidates else _target(task, doc, joint)
    return Asking(
        task=name,
        document=document,
        prompt=_prompt(name, contexts.pop(), form),
        candidates=candidates,
        gold=gold,
        target=target,
        generation=dict(instances[0].args[1]) if writes else {},
        repeats=instances[0].repeats or 1,
    )


def _gold(task: Task, doc: Any, count: int) -> int | None:
    """Return the place of the right choice; of several right ones, the first."""
    if task.OUTPUT_TYPE == "loglikelihood":
        return 0
    gold = task.doc_to_target(doc)
    gold = gold[0] if isinstance(gold, list) and gold else gold
    if isinstance(gold, str):
        known = task.doc_to_choice(doc)
        return known.index(gold) if gold in known else None
    return gold if isinstance(gold, int) and 0 <= gold < count else None


def _target(task: Task, doc: Any, joint: str) -> str:
    """Return the reference reply as text, after what joins it to its prompt."""
    target = task.doc_to_target(doc)
    target = target[0] if isinstance(target, list) and target else target
    if isinstance(target, int) and task.config.doc_to_choice is not None:
        target = task.doc_to_choice(doc)[target]
    return f"{joint}{target}" if str(target).strip() else ""


def _prompt(name: str, context: str, form: Form) -> Prompt:
    if form == "raw":
        return context
    messages = [Message(role=m["role"], content=m["content"]) for m in json.loads(context)]
    if not messages or messages[-1]["role"] != "user":
        raise SpecError(
            f"lm_eval:{name}: begins the model's own reply (gen_prefix), which a conversation "
            "cannot; ask it as raw text"
        )
    return tuple(messages)


def _as_json(messages: Any, **_: Any) -> str:
    """Stand in for a chat template, so that the conversation itself comes out."""
    return json.dumps(messages, ensure_ascii=False)


def _metrics(task: Task) -> list[tuple[str, str, bool]]:
    """Return the metrics of one task that are means, by letting it grade a made-up reply."""
    aggregations, better = task.aggregation(), task.higher_is_better()
    means = [m for m in aggregations if getattr(aggregations[m], "__name__", "") in MEANS]
    given = _probe(task)
    if task.OUTPUT_TYPE == "multiple_choice":
        given -= {"exact_match"}
    return [
        (metric, kept.name, bool(better.get(metric, True)))
        for kept in task._filters
        for metric in means
        if metric in given
    ]


def _probe(task: Task) -> set[str]:
    """Return the metrics that the task gives for its first document."""
    doc = task.eval_docs[0]
    writes = task.OUTPUT_TYPE == "generate_until"
    count = len(task.doc_to_choice(doc)) if task.OUTPUT_TYPE == "multiple_choice" else 1
    said = ["0"] if writes else [(-float(i + 1), _greedy(task)) for i in range(count)]
    with _quiet():
        try:
            return {
                name
                for name, value in task.process_results(doc, said).items()
                if isinstance(value, bool | int | float) or hasattr(value, "dtype")
            }
        except _UnknownError:
            name = task.config.task
            raise SpecError(
                f"lm_eval:{name}: asks whether a text is what greedy decoding writes, which "
                "likelihoods alone do not tell"
            ) from None


@lru_cache(maxsize=8)
def _loaded(wanted: Wanted) -> Mapping[str, Task]:
    """Load the tasks once in a process, as `lm_eval run` would, and refuse what cannot be done."""
    name = f"lm_eval:{wanted.task}"
    with _quiet(), _seeded():
        try:
            found = dict(_found(wanted))
        except EspalierError:
            raise
        except Exception as error:  # it runs the code and fetches the data of others
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise MissingError(
                f"{name}: could not be loaded ({reason[:300]}); check its data (on the hub, or "
                "where its task file says), and the network"
            ) from None
        for title, task in found.items():
            _check(f"lm_eval:{title}", task)
            shots = wanted.shots
            if shots is None:
                shots = task.get_config("num_fewshot") or 0
            elif task.get_config("num_fewshot") == 0 and shots:
                raise SpecError(f"lm_eval:{title}: says itself that it takes no examples")
            task.set_config(key="num_fewshot", value=shots)
    return found


def _found(wanted: Wanted) -> Mapping[str, Task]:
    """Find the task in `include`, in the file of its name, or in the whole index (slow)."""
    try:
        from lm_eval import tasks as package
        from lm_eval.tasks import TaskManager
    except ImportError:
        raise MissingError("lm-eval is not installed; pip install 'espalier[lm-eval]'") from None
    if wanted.include is not None:
        folder = Path(wanted.include).expanduser()
        if not folder.is_dir():
            raise MissingError(f"lm_eval:{wanted.task}: include: there is no folder {folder}")
        mine = TaskManager(include_path=str(folder), include_defaults=False)
        if wanted.task in mine.all_tasks:
            return _members(mine, wanted.task)
    files = sorted(Path(str(package.__file__)).parent.rglob(f"{wanted.task}.yaml"))
    manager = TaskManager(include_defaults=False)
    for file in files:
        loaded = _members(manager, str(file))
        if wanted.task in loaded:
            return loaded
    manager = TaskManager(include_path=wanted.include)
    if wanted.task not in manager.all_tasks:
        raise SpecError(
            f"lm_eval: no task '{wanted.task}'; {_near(wanted.task, manager.all_tasks)}"
        )
    return _members(manager, wanted.task)


def _members(manager: Any, name: str) -> Mapping[str, Task]:
    found: Mapping[str, Task] = manager.load([name])["tasks"]
    return found


def _near(name: str, known: Sequence[str]) -> str:
    """Say what is called alike: there are too many tasks to name them all."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=5, cutoff=0.5)
    return choices(name, near) if near else f"there are {len(known)}, none called alike"


def _check(name: str, task: Task) -> None:
    if task.OUTPUT_TYPE not in OUTPUTS:
        raise SpecError(f"{name}: asks for {task.OUTPUT_TYPE}, which is not supported")
    if getattr(task, "MULTIMODAL", False):
        raise SpecError(f"{name}: needs images or sound, which is not supported")
    if getattr(task, "UNSAFE_CODE", False):
        raise SpecError(
            f"{name}: would run the model's code on this machine unguarded; use an ability whose "
            "scorer runs code in a sandbox (humaneval, mbpp)"
        )
    if "acc_mutual_info" in task.aggregation():
        raise SpecError(f"{name}: acc_mutual_info asks without a question, which is not supported")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the harness's progress bars and remarks off the terminal."""
    log = logging.getLogger("lm_eval")
    before = log.level
    log.setLevel(logging.ERROR)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            yield
    finally:
        log.setLevel(before)


@contextmanager
def _seeded() -> Iterator[None]:
    """Let tasks that shuffle do so as in the harness, and alike in every process."""
    import numpy as np

    before, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(0)
    np.random.seed(SEED)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numbers)  # noqa: NPY002
