"""Asking and grading, two acts: `Answer` keeps what a model said, `Score` grades it.

An `Answer` is identified by exactly what is asked, a `Score` by what its grading looks at beside
the replies.  So two abilities that ask the same share their answers, and a better scorer costs
seconds.

    prepare("gsm8k", {}) -> Exam --scores(checkpoint)--> one Score for each scorer
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from espalier.ability import Ability, Ask, Item, Likelihood, Reply, Scorer, Use
from espalier.backend import LM, backends
from espalier.errors import DataError
from espalier.scoring import grade, make_ability, make_scorer, prompt_text, summary
from espalier.spec import Spec
from espalier.step import Locate, Site, Step, beside
from espalier.steps.train import Checkpoint

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 256
"""Items asked at once and kept at once: the most a killed `Answer` does again."""


class Questions(Spec):
    """What is asked, and how a worker process makes the items again.

    Only the digest of what is asked is identity, not the ability it belongs to.
    """

    asked: str
    kind: Ask
    use: str = Field(exclude=True)
    """The ability's name on its shelf."""
    options: dict[str, Any] = Field({}, exclude=True)

    def ability(self) -> Ability:
        """Return the ability, made again in this process; refuse if it asks something else now."""
        return _rebuilt(self.use, _Options(self.options), self.kind, self.asked)


@dataclass(frozen=True, kw_only=True)
class Exam:
    """An ability made ready to be measured on many checkpoints."""

    ability: Ability
    questions: Mapping[Ask, Questions]
    gradings: tuple[tuple[Use, Scorer, str], ...]
    """Each scorer by name, the scorer, and the digest of what it grades against."""

    def scores(self, checkpoint: Checkpoint, *, backend: str) -> tuple[Score, ...]:
        """Return the steps that measure `checkpoint`, the headline metric first."""
        return tuple(
            Score(
                answer=Answer(
                    checkpoint=checkpoint,
                    questions=self.questions[scorer.asks],
                    backend=backend,
                    ability=self.ability.name,
                ),
                scorer=use.scorer,
                options=use.options,
                scored=digest,
                ability=self.ability.name,
            )
            for use, scorer, digest in self.gradings
        )


def prepare(use: str, options: Mapping[str, Any]) -> Exam:
    """Make the shelf's ability `use` and everything its measurements share.

    Raises `SpecError` for options it does not know, `MissingError` where its data is not here.
    """
    ability = make_ability(use, options)
    made = [(given, make_scorer(given)) for given in ability.scorers]
    kinds = dict.fromkeys(scorer.asks for _, scorer in made)
    return Exam(
        ability=ability,
        questions={
            kind: Questions(asked=asked(ability, kind), kind=kind, use=use, options=dict(options))
            for kind in kinds
        },
        gradings=tuple((given, scorer, scored(ability, scorer)) for given, scorer in made),
    )


def asked(ability: Ability, kind: Ask) -> str:
    """Return the digest of exactly what a model is asked, and under which names it is kept."""
    if kind == "generate":
        frame = {"kind": kind, "max_new_tokens": ability.max_new_tokens, "stop": ability.stop}
        return _digest([frame, *([item.id, item.prompt] for item in ability.items)])
    return _digest([{"kind": kind}, *([i.id, i.prompt, _candidates(i)] for i in ability.items)])


def scored(ability: Ability, scorer: Scorer) -> str:
    """Return the digest of what a scorer looks at beside the replies, and of its version."""
    frame = {"metric": scorer.metric, "version": scorer.version}
    items = (
        [i.id, i.prompt, i.target, i.candidates, i.facts, i.cluster, i.chance]
        for i in ability.items
    )
    return _digest([frame, *items])


@dataclass(frozen=True, kw_only=True)
class Answer(Step):
    """Ask a checkpoint: `replies.parquet` holds one row for each item, in the items' order.

    Its columns: item, prompt, reply (null where likelihoods were asked for), finished, and
    likelihoods (one for each candidate: total in nats, tokens, characters).
    """

    checkpoint: Checkpoint
    questions: Questions
    backend: str
    ability: str = beside(default="")

    def run(self, out: Path, at: Locate, site: Site) -> None:
        """Ask chunk by chunk; chunks that a killed attempt has left are not asked again.

        A chunk is always asked as a whole, so the result is the same as if never killed.
        """
        ability = self.questions.ability()
        chunks = [ability.items[i : i + CHUNK] for i in range(0, len(ability.items), CHUNK)]
        parts = [out / "parts" / f"{number:05}.parquet" for number in range(len(chunks))]
        todo = [(c, p) for c, p in zip(chunks, parts, strict=True) if not _kept(p, c)]
        (out / "parts").mkdir(exist_ok=True)
        with self._model(at, site) if todo else nullcontext() as lm:
            for done, (chunk, part) in enumerate(todo, len(chunks) - len(todo)):
                _tell(site, done * CHUNK, len(ability.items))
                _keep(chunk, _ask(lm, chunk, ability, self.questions.kind), part)
        _join(parts, out / "replies.parquet")

    def _model(self, at: Locate, site: Site) -> AbstractContextManager[LM]:
        return backends[self.backend].load(self.checkpoint.folder(at), site=site)


@dataclass(frozen=True, kw_only=True)
class Score(Step):
    """Grade an answer: `items.parquet` holds one graded row for each item, `score.json` the mean.

    `score.json`: metric, score, stderr, n (items scored), unscored, chance, higher_is_better.
    """

    answer: Answer
    scorer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scored: str
    """Digest of the targets and of the scorer's version."""
    ability: str = beside(default="")

    def run(self, out: Path, at: Locate, site: Site) -> None:  # noqa: ARG002
        """Grade every kept reply."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        ability = self.answer.questions.ability()
        scorer = make_scorer(Use(scorer=self.scorer, options=self.options))
        if scored(ability, scorer) != self.scored:
            raise DataError(_changed(self.answer.questions.use))
        replies = _replies(at(self.answer) / "replies.parquet")
        rows = [grade(item, replies.get(item.id), scorer) for item in ability.items]
        numbers = {"score", "chance"}
        kinds = {name: pa.float64() if name in numbers else pa.string() for name in rows[0]}
        table = pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))
        pq.write_table(table, out / "items.parquet", compression="zstd")
        result = json.dumps(summary(rows, scorer), indent=2, allow_nan=False)
        (out / "score.json").write_text(result + "\n")


class _Options(dict[str, Any]):
    """Options as a part of a cache's key: they are known by how they are written."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(sorted(self.items())))


@lru_cache(maxsize=64)
def _rebuilt(use: str, options: _Options, kind: Ask, digest: str) -> Ability:
    """Make an ability once in a process, for every step that asks or grades it."""
    ability = make_ability(use, options)
    if asked(ability, kind) != digest:
        raise DataError(_changed(use))
    return ability


def _changed(use: str) -> str:
    return f"ability {use}: its items have changed since planning; plan and run again"


def _candidates(item: Item) -> tuple[str, ...]:
    return item.candidates or (item.target,)


def _ask(lm: LM | None, items: Sequence[Item], ability: Ability, kind: Ask) -> list[Reply]:
    """Ask for greedy replies or for the likelihoods of candidates."""
    if lm is None:  # nothing was left to ask
        return []
    if kind == "generate":
        prompts = [item.prompt for item in items]
        return lm.generate(prompts, max_new_tokens=ability.max_new_tokens, stop=ability.stop)
    pairs = [(item.prompt, candidate) for item in items for candidate in _candidates(item)]
    given = iter(lm.likelihoods(pairs))
    return [Reply(likelihoods=tuple(next(given) for _ in _candidates(item))) for item in items]


def _keep(items: Sequence[Item], replies: Sequence[Reply], part: Path) -> None:
    """Write one chunk; the file is there whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "item": item.id,
            "prompt": prompt_text(item.prompt),
            "reply": reply.text,
            "finished": reply.finished,
            "likelihoods": [asdict(likelihood) for likelihood in reply.likelihoods],
        }
        for item, reply in zip(items, replies, strict=True)
    ]
    fresh = part.with_suffix(".new")
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema()), fresh, compression="zstd")
    fresh.replace(part)


def _kept(part: Path, items: Sequence[Item]) -> bool:
    """Say whether a killed attempt has left the replies to just these items."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_table(part, columns=["item"])["item"].to_pylist()
    except (OSError, pa.ArrowException):
        return False
    return bool(names == [item.id for item in items])


def _join(parts: Iterable[Path], whole: Path) -> None:
    """Write the chunks as one file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables([pq.read_table(part) for part in parts]).combine_chunks()
    pq.write_table(table, whole, compression="zstd")
    for part in parts:
        part.unlink()
    (whole.parent / "parts").rmdir()


def _replies(file: Path) -> dict[str, Reply]:
    import pyarrow.parquet as pq

    return {
        row["item"]: Reply(
            text=row["reply"],
            finished=row["finished"],
            likelihoods=tuple(Likelihood(**given) for given in row["likelihoods"]),
        )
        for row in pq.read_table(file).to_pylist()
    }


def _schema() -> pa.Schema:
    import pyarrow as pa

    likelihood = pa.struct(
        [("total", pa.float64()), ("tokens", pa.int64()), ("characters", pa.int64())]
    )
    return pa.schema(
        [
            ("item", pa.string()),
            ("prompt", pa.string()),
            ("reply", pa.string()),
            ("finished", pa.bool_()),
            ("likelihoods", pa.list_(likelihood)),
        ]
    )


def _tell(site: Site, done: int, total: int) -> None:
    """Say how far a running step is."""
    if site.progress is not None:
        site.progress.write_text(json.dumps({"done": done, "total": total, "unit": "items"}))


def _digest(values: Iterable[Any]) -> str:
    """Hash JSON values, one a line."""
    digest = hashlib.sha256()
    for line in _lines(values):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _lines(values: Iterable[Any]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
    return (encode(value) for value in values)
