"""lm-evaluation-harness's files, written and read: `results_*.json` and `samples_*.jsonl`.

    DIR/MODEL/results_TIME.json          every task's scores, and how they were come by
    DIR/MODEL/samples_TASK_TIME.jsonl    a row for each question and filter

Written with the keys of its 0.4.13; what is not known here (its version, its seeds, whether a text
is what greedy decoding writes) is null, never made up.  Read are the files of every 0.4.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espalier.ability import Ability, Item, Reply, Scorer, abilities
from espalier.errors import DataError, MissingError
from espalier.files import write_whole
from espalier.records import records
from espalier.scoring import GradedRow, prompt_text
from espalier.steps.evaluate import Exam, Score, read_replies
from espalier.store import Store, read_json
from espalier.study import AbilityUse

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
NONE = "none"
"""The filter that lets everything through."""


@dataclass(frozen=True, kw_only=True)
class Graded:
    """One metric of an ability, as it was measured."""

    metric: str
    filter: str
    scorer: Scorer
    summary: Mapping[str, Any]
    rows: Mapping[str, GradedRow]
    replies: Mapping[str, Reply]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An ability with all its metrics."""

    name: str
    use: str
    options: Mapping[str, Any]
    ability: Ability
    graded: tuple[Graded, ...]


def measured(scores: Iterable[tuple[AbilityUse, Exam, Score]], store: Store) -> list[Measured]:
    """Return what the store holds of these scores, an ability at a time."""
    import pyarrow.parquet as pq

    found: dict[str, tuple[AbilityUse, Exam, list[Graded]]] = {}
    for use, exam, score in scores:
        if not store.has(score):
            continue
        told = read_json(store.path(score) / "score.json")
        rows = pq.read_table(store.path(score) / "items.parquet").to_pylist()
        scorer = next(s for given, s, _ in exam.gradings if _is(score, given))
        metric, _, kept = str(told["metric"]).partition(",")
        graded = Graded(
            metric=metric,
            filter=kept or NONE,
            scorer=scorer,
            summary=told,
            rows={row["item"]: row for row in rows},
            replies=read_replies(store.path(score.answer) / "replies.parquet"),
        )
        found.setdefault(use.name, (use, exam, []))[2].append(graded)
    return [
        Measured(
            name=name, use=use.use, options=use.options, ability=exam.ability, graded=tuple(graded)
        )
        for name, (use, exam, graded) in found.items()
    ]


def _is(score: Score, given: Any) -> bool:
    return bool(score.scorer == given.scorer and dict(score.options) == dict(given.options))


def write(
    folder: Path, model: str, given: Sequence[Measured], *, at: datetime, parameters: int | None
) -> list[Path]:
    """Write results and samples of `model` into `folder` as the harness would; return the files."""
    if not given:
        raise DataError(f"{folder}: nothing was measured, so there is nothing to write")
    plain = re.sub(r"[\"<>:/|\\?*\[\]]+", "__", model)
    time = at.isoformat().replace(":", "-")
    rows = {one.name: list(_samples(one)) for one in given}
    written = [
        write_lines(folder / plain / f"samples_{_safe(name)}_{time}.jsonl", samples)
        for name, samples in rows.items()
    ]
    hashes = {
        name: _hash("".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples))
        for name, samples in rows.items()
    }
    whole = _results(given) | _about(model, plain, parameters) | {"task_hashes": hashes}
    file = folder / plain / f"results_{time}.json"
    whole["date"] = at.timestamp()
    write_whole(file, json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return [file, *written]


def write_lines(file: Path, rows: Iterable[Row]) -> Path:
    """Write JSON lines; the file is there whole or not at all."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_whole(file, "".join(f"{line}\n" for line in lines))
    return file


def _results(given: Sequence[Measured]) -> Row:
    """Return the part of a results file that is about the tasks."""
    results: Row = {}
    for one in given:
        entry: Row = {"name": one.name, "alias": one.name}
        entry["sample_len"] = max(g.summary["n"] for g in one.graded)
        for g in one.graded:
            entry[f"{g.metric},{g.filter}"] = g.summary["score"]
            stderr = g.summary["stderr"]
            entry[f"{g.metric}_stderr,{g.filter}"] = "N/A" if stderr is None else stderr
        results[one.name] = entry
    return {
        "results": results,
        "group_subtasks": {},
        "configs": {one.name: _config(one) for one in given},
        "versions": {one.name: one.graded[0].scorer.version for one in given},
        "n-shot": {one.name: _shots(one) for one in given},
        "higher_is_better": {
            one.name: {g.metric: g.summary["higher_is_better"] for g in one.graded} for one in given
        },
        "n-samples": {
            one.name: {
                "original": len(one.ability.items),
                "effective": results[one.name]["sample_len"],
            }
            for one in given
        },
    }


def _config(one: Measured) -> Row:
    ability = one.ability
    writes = any(g.scorer.asks == "generate" for g in one.graded)
    generation = {"until": list(ability.stop), "max_gen_toks": ability.max_new_tokens}
    return {
        "task": one.name,
        "output_type": "generate_until" if writes else "multiple_choice",
        "num_fewshot": _shots(one),
        "repeats": ability.samples,
        "metric_list": [
            {
                "metric": g.metric,
                "aggregation": "mean",
                "higher_is_better": g.summary["higher_is_better"],
            }
            for g in one.graded
        ],
        "generation_kwargs": generation if writes else None,
        "metadata": {"version": one.graded[0].scorer.version},
        "espalier": {"use": one.use, "options": json.loads(json.dumps(one.options, default=str))},
    }


def _shots(one: Measured) -> int:
    known = inspect.signature(abilities[one.use]).parameters.get("shots")
    default = known.default if known and isinstance(known.default, int) else 0
    given = one.options.get("shots", default)
    return given if isinstance(given, int) else 0


def _about(model: str, plain: str, parameters: int | None) -> Row:
    """Return the part of a results file that is about the run: null where nobody knows."""
    unknown = dict.fromkeys(
        (
            *("git_hash", "pretty_env_info", "lm_eval_version", "upper_git_hash"),
            *("tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token"),
            *("eot_token_id", "max_length", "system_instruction", "system_instruction_sha"),
            *("fewshot_as_multiturn", "chat_template", "chat_template_sha"),
            *("start_time", "end_time", "total_evaluation_time_seconds"),
        )
    )
    config = dict.fromkeys(
        (
            *("batch_size", "device", "use_cache", "limit", "gen_kwargs"),
            *("random_seed", "numpy_seed", "torch_seed", "fewshot_seed"),
        )
    )
    return {
        **unknown,
        "config": {
            "model": "hf",
            "model_args": f"pretrained={model}",
            "model_num_parameters": parameters,
            "batch_sizes": [],
            "bootstrap_iters": 0,
            **config,
        },
        "transformers_version": _version("transformers"),
        "espalier_version": _version("espalier"),
        "model_source": "hf",
        "model_name": model,
        "model_name_sanitized": plain,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _samples(one: Measured) -> Iterator[Row]:
    """Yield a row for each filter and item, with all metrics of that filter."""
    for kept in dict.fromkeys(g.filter for g in one.graded):
        graded = [g for g in one.graded if g.filter == kept]
        for number, item in enumerate(one.ability.items):
            yield _sample(number, item, kept, graded, one.ability)


def _sample(number: int, item: Item, kept: str, graded: Sequence[Graded], ability: Ability) -> Row:
    first = graded[0]
    reply = first.replies.get(item.id, Reply())
    row = first.rows.get(item.id, {})
    prompt, target = prompt_text(item.prompt), item.target.strip()
    document = {"id": item.id, "cluster": item.cluster, **item.facts}
    if reply.text is None:
        order = _order(item)
        candidates = item.candidates or (item.target,)
        arguments = [(prompt, candidates[i]) for i in order]
        likely = [reply.likelihoods[i].total for i in order] if reply.likelihoods else []
        responses: list[Any] = [[[str(total), "None"]] for total in likely]
        filtered: list[Any] = [[str(total), "None"] for total in likely]
    else:
        generation = {"until": list(ability.stop), "max_gen_toks": ability.max_new_tokens}
        arguments = [(prompt, generation)]  # type: ignore[list-item]
        responses = [list(reply.texts)]
        filtered = [reply.text if row.get("extracted") is None else row["extracted"]]
    return {
        "doc_id": number,
        "doc": document,
        "target": target,
        "arguments": {
            f"gen_args_{i}": {"arg_0": context, "arg_1": more}
            for i, (context, more) in enumerate(arguments)
        },
        "resps": responses,
        "filtered_resps": filtered,
        "filter": kept,
        "metrics": [g.metric for g in graded],
        "doc_hash": _hash(json.dumps(document, indent=2, ensure_ascii=False, default=str)),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(target),
        "chance": item.chance,
        **{g.metric: g.rows.get(item.id, {}).get("score") for g in graded},
    }


def _order(item: Item) -> list[int]:
    """Return the places of the candidates in the question's own order: a task's, or by letter."""
    count = len(item.candidates or (item.target,))
    if "order" in item.facts:
        return list(item.facts["order"])
    return (
        sorted(range(count), key=lambda i: (len(item.candidates[i]), item.candidates[i]))
        if (item.candidates)
        else [0]
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


@dataclass(frozen=True, kw_only=True)
class Read:
    """Results made by the harness, as rows of our table."""

    table: pd.DataFrame
    items: pd.DataFrame
    """Columns key, item, score, chance, cluster; empty where there are no samples."""
    left_out: tuple[str, ...] = field(default=())


def read(paths: Sequence[Path], about: Mapping[str, Mapping[str, Any]] | None = None) -> Read:
    """Read result files, or all that lie in folders, with the samples beside them.

    A model is stage 0 of its own, trained on nothing, unless `about` says otherwise: the model's
    name in the files -> columns of the table, such as model, parameters, strategy, amounts, seed.
    A group that has scores of its own stands for its tasks, which are its clusters.  Of one model
    and task the latest file counts.
    """
    import pandas as pd

    from espalier.results import COLUMNS

    known = dict(about or {})
    if unknown := sorted({c for row in known.values() for c in row} - set(COLUMNS)):
        raise DataError(f"about: no column '{unknown[0]}'; there are {', '.join(COLUMNS)}")
    rows: dict[tuple[str, str, str], tuple[Row, list[Row]]] = {}
    left_out = []
    models = set()
    for file, data in sorted(_files(paths), key=lambda one: _date(one[1])):
        model = _model(file, data)
        models.add(model)
        for entry, items in _tasks(file, data, model):
            place = model, entry["ability"], entry["metric"]
            if place in rows:
                left_out.append(f"{model}, {place[1]}, {place[2]}: measured again in {file}")
            rows[place] = _cell(entry, known.get(model)), items
    if not rows:
        raise DataError(f"{paths[0]}: no task has a score")
    if strange := sorted(set(known) - models):
        raise DataError(
            f"about: no model '{strange[0]}' in these files; there are {', '.join(sorted(models))}"
        )
    per_item = [item for _, items in rows.values() for item in items]
    return Read(
        table=pd.DataFrame([row for row, _ in rows.values()], columns=list(COLUMNS)),
        items=pd.DataFrame(per_item, columns=["key", "item", "score", "chance", "cluster"]),
        left_out=tuple(left_out),
    )


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, Row]]:
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: there is no such file or folder")
        files = sorted(path.rglob("results*.json")) if path.is_dir() else [path]
        if not files:
            raise MissingError(f"{path}: holds no results*.json of lm-evaluation-harness")
        for file in files:
            try:
                data = json.loads(file.read_text(encoding="utf-8"))
            except (UnicodeDecodeError, ValueError) as error:
                raise DataError(f"{file}: not JSON ({str(error).partition(':')[0]})") from None
            if not isinstance(data, dict) or not isinstance(data.get("results"), dict):
                raise DataError(
                    f"{file}: no results of lm-evaluation-harness; it has no object 'results'"
                )
            yield file, data


def _date(data: Row) -> float:
    date = data.get("date")
    return float(date) if isinstance(date, int | float) else 0.0


def _model(file: Path, data: Row) -> str:
    config = data.get("config") or {}
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(pair.split("=", 1) for pair in arguments.split(",") if "=" in pair)
    named = (arguments or {}).get("pretrained") or (arguments or {}).get("model")
    model = data.get("model_name") or named or config.get("model")
    if not isinstance(model, str) or not model:
        raise DataError(f"{file}: does not say which model it is about")
    return model


def _tasks(file: Path, data: Row, model: str) -> Iterator[tuple[Row, list[Row]]]:
    """Yield the row and the items of every task's every metric."""
    groups = [name for name in data.get("groups") or {} if _scores(data["results"].get(name))]
    members = {name: _members(data, name) for name in groups}
    inside = {member for found in members.values() for member in found}
    for task, entry in data["results"].items():
        leaves = [m for m in members.get(task, []) if m not in members] or [task]
        if task in inside or not isinstance(entry, dict):
            continue
        samples = {leaf: _read_samples(file, leaf) for leaf in leaves}
        for (metric, kept), (score, stderr) in _scores(entry).items():
            name = metric if kept == NONE else f"{metric},{kept}"
            key = _hash(json.dumps([model, task, name, entry, data.get("date")], sort_keys=True))
            up = ((data.get("higher_is_better") or {}).get(task) or {}).get(metric) is not False
            items = [
                {"key": key[:16], **item, "chance": item["chance"] if up else None}
                for leaf, found in samples.items()
                for item in _items(found, metric, kept, group=leaf if len(leaves) > 1 else None)
            ]
            chances = [item["chance"] for item in items]
            whole = bool(chances) and None not in chances
            yield (
                {
                    "model": model,
                    "parameters": (data.get("config") or {}).get("model_num_parameters"),
                    "ability": task,
                    "split": "test",
                    "suite": task,
                    "metric": name,
                    "score": score,
                    "stderr": stderr,
                    "n": _count(data, leaves, items),
                    "chance": math.fsum(chances) / len(chances) if whole else None,
                    "higher_is_better": up,
                    "key": key[:16],
                },
                items,
            )


def _members(data: Row, group: str) -> list[str]:
    """Return all that a group holds, through groups inside it."""
    found = []
    for name in (data.get("group_subtasks") or {}).get(group) or []:
        if name != group:
            found += [name, *_members(data, name)]
    return found


def _scores(entry: Any) -> dict[tuple[str, str], tuple[float, float | None]]:
    """Return (metric, filter) -> (score, standard error) of one task."""
    found: dict[tuple[str, str], tuple[float, float | None]] = {}
    for name, value in entry.items() if isinstance(entry, dict) else ():
        metric, comma, kept = name.partition(",")
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if comma and known and math.isfinite(value) and not metric.endswith("_stderr"):
            error = entry.get(f"{metric}_stderr,{kept}")
            known = isinstance(error, int | float) and math.isfinite(error)
            found[metric, kept] = float(value), float(error) if known else None
    return found


def _count(data: Row, leaves: Sequence[str], items: Sequence[Row]) -> int | None:
    """Return how many questions were scored."""
    if items:
        return sum(item["score"] is not None for item in items)
    counts = data.get("n-samples") or {}
    told = [(counts.get(leaf) or {}).get("effective") for leaf in leaves]
    known = [n for n in told if isinstance(n, int)]
    return sum(known) if known and len(known) == len(told) else None


def _cell(entry: Row, about: Mapping[str, Any] | None) -> Row:
    """Return the whole row: which model, trained on what."""
    told = dict(about or {})
    trained = bool(told.get("amounts"))
    base: Row = {
        "strategy": "multitask" if trained else "base",
        "stage": int(trained),
        "stages": int(trained),
        "amounts": {},
        "protocol": "epochs",
        "seed": 0,
        "data_seed": 0,
    }
    row = base | ({} if trained else {"design": "base"}) | entry | told
    return row | {"amounts": json.dumps(row["amounts"], sort_keys=True)}


def _read_samples(results: Path, task: str) -> list[Row]:
    """Return the samples of a task that were written with `results`, or none."""
    time = results.stem.removeprefix("results").removeprefix("_")
    names = (f"samples_{task}_{time}.jsonl", f"samples_{_safe(task)}_{time}.jsonl")
    files = [f for name in names if (f := results.parent / name).is_file()]
    if not files:
        return []
    rows = []
    for line, record in records(files[0]):
        if isinstance(record, str) or "doc_id" not in record:
            why = record if isinstance(record, str) else "no sample: it has no 'doc_id'"
            raise DataError(f"{files[0]}, line {line}: {why}")
        rows.append(dict(record))
    return rows


def _items(samples: Sequence[Row], metric: str, kept: str, *, group: str | None) -> Iterator[Row]:
    """Yield the items that have this metric under this filter; tasks of a `group` are clusters."""
    for sample in samples:
        if sample.get("filter", NONE) != kept or metric not in sample:
            continue
        value = sample[metric]
        known = isinstance(value, bool | int | float) and math.isfinite(value)
        doc = sample.get("doc")
        yield {
            "item": f"{group}/{sample['doc_id']}" if group else str(sample["doc_id"]),
            "score": float(value) if known else None,
            "chance": sample["chance"] if "chance" in sample else _chance(sample, metric),
            "cluster": group or (doc.get("cluster") if isinstance(doc, dict) else None),
        }


def _chance(sample: Row, metric: str) -> float | None:
    """Return what guessing among the candidates of a question scores, where it has any."""
    given = sample.get("arguments")
    arguments = list(given.values()) if isinstance(given, dict) else given or []
    seconds = [a.get("arg_1") if isinstance(a, dict) else a[-1] for a in arguments]
    chosen = len(seconds) > 1 and all(isinstance(second, str) for second in seconds)
    return 1 / len(seconds) if chosen and metric.startswith("acc") else None
