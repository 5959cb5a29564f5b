"""Asking and grading, two acts: `Answer` keeps what a model said, `Score` grades it.

An `Answer` is identified by exactly what is asked, a `Score` by what its grading looks at beside
the replies.  So two abilities that ask the same share their answers, and a better scorer costs
seconds.

    prepare("gsm8k", {}) -> Exam --scores(checkpoint)--> one Score for each scorer
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from espalier.ability import (
    Ability,
    Ask,
    Item,
    Likelihood,
    Message,
    Prompt,
    Reply,
    Scorer,
    Use,
)
from espalier.backend import LM, backends
from espalier.errors import DataError
from espalier.scoring import grade_all, make_ability, make_scorer, prompt_text, summary
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
        answers = {
            kind: Answer(
                checkpoint=checkpoint,
                questions=questions,
                backend=backend,
                ability=self.ability.name,
            )
            for kind, questions in self.questions.items()
        }
        return tuple(
            Score(
                answer=answers[scorer.asks],
                also=answers[scorer.also] if scorer.also else None,
                scorer=use.scorer,
                options=use.options,
                means=use.means or None,
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
    kinds = dict.fromkeys(
        kind for _, scorer in made for kind in (scorer.asks, scorer.also) if kind is not None
    )
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
        if ability.samples > 1:
            frame["samples"] = ability.samples
        return _digest([frame, *map(_question, ability.items)])
    return _digest([{"kind": kind}, *([i.id, i.prompt, _candidates(i)] for i in ability.items)])


def scored(ability: Ability, scorer: Scorer) -> str:
    """Return the digest of what a scorer looks at beside the replies, and of its version."""
    frame: dict[str, Any] = {"metric": scorer.metric, "version": scorer.version}
    if scorer.average != "items":
        frame["average"] = scorer.average
    items = (
        [i.id, i.prompt, i.target, i.candidates, i.facts, i.cluster, i.chance]
        for i in ability.items
    )
    return _digest([frame, *items])


@dataclass(frozen=True, kw_only=True)
class Answer(Step):
    """Ask a checkpoint: `replies.parquet` holds one row for each item, in the items' order.

    Its columns: item, prompt, reply (null where likelihoods were asked for), more (replies to
    further turns, or further samples), finished, and likelihoods (one for each candidate: total in
    nats, tokens, characters, and the first token's part).
    """

    VERSION: ClassVar[int] = 2

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

    `score.json`: metric, score, stderr, n (items scored), unscored, chance, higher_is_better, and
    the scorer's remark where it makes one.
    """

    answer: Answer
    also: Answer | None = None
    """The second answer that some scorers need: likelihoods beside replies."""
    scorer: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scored: str
    """Digest of the targets and of the scorer's version."""
    means: Mapping[str, Any] | None = beside(default=None)
    """Options of the scorer that change no grade."""
    ability: str = beside(default="")

    def check(self) -> None:
        """Raise `MissingError` where this machine lacks what its scorer needs, a sandbox, say."""
        _check(self.scorer, _Options({**self.options, **(self.means or {})}))

    def run(self, out: Path, at: Locate, site: Site) -> None:
        """Grade every kept reply."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        ability = self.answer.questions.ability()
        scorer = make_scorer(Use(scorer=self.scorer, options=self.options, means=self.means or {}))
        if scored(ability, scorer) != self.scored:
            raise DataError(_changed(self.answer.questions.use))
        replies = read_replies(at(self.answer) / "replies.parquet")
        if self.also is not None:
            replies = _both(replies, read_replies(at(self.also) / "replies.parquet"))
        rows = []
        given = [replies.get(item.id) for item in ability.items]
        for row in grade_all(ability.items, given, scorer):
            rows.append(row)
            if scorer.grade_all:
                _tell(site, len(rows), len(given))
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


@lru_cache(maxsize=256)
def _check(scorer: str, options: _Options) -> None:
    """Ask a scorer once in a process whether it can work here."""
    check = make_scorer(Use(scorer=scorer, options=options)).check
    if check is not None:
        check()


def _changed(use: str) -> str:
    return f"ability {use}: its items have changed since planning; plan and run again"


def _candidates(item: Item) -> tuple[str, ...]:
    return item.candidates or (item.target,)


def _ask(lm: LM | None, items: Sequence[Item], ability: Ability, kind: Ask) -> list[Reply]:
    """Ask for greedy replies or for the likelihoods of candidates."""
    if lm is None:  # nothing was left to ask
        return []
    if kind == "generate":
        return _generate(lm, items, ability)
    pairs = [(item.prompt, candidate) for item in items for candidate in _candidates(item)]
    given = iter(lm.likelihoods(pairs))
    return [Reply(likelihoods=tuple(next(given) for _ in _candidates(item))) for item in items]


def _question(item: Item) -> list[Any]:
    """Return all of an item that a reply depends on."""
    if item.followups or item.temperature:
        return [item.id, item.prompt, item.followups, item.temperature]
    return [item.id, item.prompt]


def _generate(lm: LM, items: Sequence[Item], ability: Ability) -> list[Reply]:
    """Ask turn by turn, items of one temperature together, and each sample for itself."""
    nothing: list[tuple[str, ...]] = [()] * len(items)
    first, *others = (
        _turn(lm, items, ability, said=nothing, sample=number) for number in range(ability.samples)
    )
    more = [[replies[i] for replies in others] for i in range(len(items))]
    for turn in range(max((len(item.followups) for item in items), default=0)):
        going = [i for i, item in enumerate(items) if len(item.followups) > turn]
        said = [tuple(r.text or "" for r in (first[i], *more[i])) for i in going]
        for i, reply in zip(
            going, _turn(lm, [items[i] for i in going], ability, said=said, sample=0), strict=True
        ):
            more[i].append(reply)
    return [
        replace(
            reply,
            more=tuple(r.text or "" for r in rest),
            finished=reply.finished and all(r.finished for r in rest),
        )
        for reply, rest in zip(first, more, strict=True)
    ]


def _turn(
    lm: LM, items: Sequence[Item], ability: Ability, *, said: Sequence[tuple[str, ...]], sample: int
) -> list[Reply]:
    """Return the next reply of every item, given what was `said` to its turns before."""
    together: dict[float, list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        together[item.temperature].append(number)
    found: dict[int, Reply] = {}
    for temperature, numbers in together.items():
        prompts = [_so_far(items[i], said[i]) for i in numbers]
        replies = lm.generate(
            prompts,
            max_new_tokens=ability.max_new_tokens,
            stop=ability.stop,
            temperature=temperature,
            seeds=[_seed(items[i].id, len(said[i]), sample) for i in numbers]
            if temperature
            else (),
        )
        found.update(zip(numbers, replies, strict=True))
    return [found[i] for i in range(len(items))]


def _so_far(item: Item, said: Sequence[str]) -> Prompt:
    """Return the conversation up to the next reply."""
    if not said:
        return item.prompt
    prompt = item.prompt
    turns: list[Message] = (
        [Message(role="user", content=prompt)] if isinstance(prompt, str) else list(prompt)
    )
    for reply, user in zip(said, item.followups, strict=False):
        turns += [Message(role="assistant", content=reply), Message(role="user", content=user)]
    return tuple(turns)


def _seed(item: str, turn: int, sample: int) -> int:
    """Return the seed of one reply, the same in every batch and every process."""
    digest = hashlib.sha256(json.dumps([item, turn, sample]).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _both(texts: Mapping[str, Reply], likely: Mapping[str, Reply]) -> dict[str, Reply]:
    """Return replies that have their text from one answer and their likelihoods from another."""
    found = {}
    for name, reply in texts.items():
        other = likely.get(name, Reply())
        text, rest = (reply, other) if reply.text is not None else (other, reply)
        found[name] = replace(text, likelihoods=rest.likelihoods)
    return found


def _keep(items: Sequence[Item], replies: Sequence[Reply], part: Path) -> None:
    """Write one chunk; the file is there whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "item": item.id,
            "prompt": prompt_text(item.prompt),
            "reply": reply.text,
            "more": list(reply.more),
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


def read_replies(file: Path) -> dict[str, Reply]:
    """Return the replies that an `Answer` has kept, by item."""
    import pyarrow.parquet as pq

    return {
        row["item"]: Reply(
            text=row["reply"],
            more=tuple(row.get("more") or ()),
            finished=row["finished"],
            likelihoods=tuple(Likelihood(**given) for given in row["likelihoods"]),
        )
        for row in pq.read_table(file).to_pylist()
    }


def _schema() -> pa.Schema:
    import pyarrow as pa

    likelihood = pa.struct(
        [
            ("total", pa.float64()),
            ("tokens", pa.int64()),
            ("characters", pa.int64()),
            ("first", pa.float64()),
        ]
    )
    return pa.schema(
        [
            ("item", pa.string()),
            ("prompt", pa.string()),
            ("reply", pa.string()),
            ("more", pa.list_(pa.string())),
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
