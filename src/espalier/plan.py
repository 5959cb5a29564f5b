"""Turn a study into a plan: its distinct steps, parents first, and what each is for.

    study -> cells (one per combination of factors) -> stages -> steps

Nothing is run or written here.  Cells that begin alike make equal steps, equal steps have equal
keys, and a plan holds a key once: that is how a shared prefix is trained once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from espalier.catalog import Catalog
from espalier.errors import SpecError
from espalier.looks import Look, looks
from espalier.mixture import Mixture
from espalier.step import Key, Step
from espalier.steps.compose import Compose, draw
from espalier.steps.evaluate import Answer, Exam, Score
from espalier.steps.train import Checkpoint, Pretrained, Snapshot, Train
from espalier.study import AbilityUse, Cell, Model, Study
from espalier.work import Work

S = TypeVar("S", bound=Step)
Scored = tuple[AbilityUse, Exam, Score]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number the study asks for: a cell's checkpoint after `stage`, on one ability."""

    model: Model
    cell: Cell | None
    """None: the model before any tuning."""
    stage: int
    protocol: str
    split: Literal["test", "valid"] = "test"
    use: AbilityUse
    exam: Exam
    score: Score


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every distinct step of a study, and the measurements they add up to."""

    study: Study
    catalog: Catalog
    cells: tuple[Cell, ...]
    steps: Mapping[Key, Step]
    measurements: tuple[Measurement, ...]
    work: Mapping[Key, Work]
    asked: Mapping[Key, int]
    """How many cells ask for each training stage."""
    looks: tuple[Look, ...] = ()
    """The checkpoints whose hidden states are looked at, where the study asks for it."""

    @property
    def tokens_asked(self) -> float:
        """Return the tokens that the cells would train on if each were trained alone."""
        return sum(self.work[key].tokens * cells for key, cells in self.asked.items())

    @property
    def stages_asked(self) -> int:
        """Return how many training stages the cells add up to."""
        return sum(len(cell.stages) for cell in self.cells)

    @property
    def stages(self) -> tuple[Train, ...]:
        """Return the distinct training stages: what is trained."""
        return tuple(step for step in self.steps.values() if isinstance(step, Train))


def plan(study: Study, cells: Sequence[Cell] | None = None) -> Plan:
    """Compile `study`.  What cannot be trained or measured is refused here, before any training.

    `cells` take the place of those that its designs ask for.
    """
    catalog = Catalog(study)
    exams = catalog.exams
    asked = cells is None
    cells = tuple(study.cells(catalog.count) if cells is None else cells)
    if asked:
        _check(study, cells)
    build = _Build(study, catalog)
    measurements = (
        *(m for base in _bases(study, cells) for m in build.base(*base, exams)),
        *(m for cell in cells for m in build.cell(cell, exams)),
    )
    ends = (
        (m.model, m.cell, m.score.answer.checkpoint)
        for m in measurements
        if m.cell and m.stage == len(m.cell.stages)
        if isinstance(m.score.answer.checkpoint, Train)
    )
    seen, seeing = looks(study.probe, catalog, ends) if study.probe and asked else ((), {})
    return Plan(
        study=study,
        catalog=catalog,
        cells=cells,
        steps=build.steps | {look.step.key: look.step for look in seen},
        measurements=measurements,
        work={**build.work, **seeing},
        asked=build.asked,
        looks=seen,
    )


def _check(study: Study, cells: tuple[Cell, ...]) -> None:
    """Refuse a study that asks for nothing, or speaks of stages that no cell has."""
    if not cells:
        raise SpecError("designs: no cell is left; their `strategies:` and `models:` exclude all")
    most = max(len(cell.stages) for cell in cells)
    if len(study.stages) > most:
        raise SpecError(
            f"stages: {len(study.stages)} are described, but no cell has more than {most}"
        )


def plan_stage(
    study: Study, mix: Callable[[Mapping[str, int]], Mixture], *, seed: int
) -> tuple[Mapping[Key, Step], Train]:
    """Compile one stage alone, of the mixture that `mix` makes of the rows there are."""
    catalog = Catalog(study)
    build = _Build(study, catalog)
    mixture = mix({name: catalog.available(name) for name in study.source_names})
    cell = Cell(
        model=study.models[0],
        mixture=mixture,
        strategy="multitask",
        options={},
        stages=(mixture,),
        seed=seed,
        data_seed=seed,
        protocol=study.protocol_names[0],
        designs=(),
    )
    last = build.trained(build.pretrained(cell.model), mixture, cell, 1)
    return build.steps, last


def _bases(study: Study, cells: tuple[Cell, ...]) -> Iterator[tuple[Model, str]]:
    """Yield the models that are also measured untuned, with every protocol that compares them."""
    used = dict.fromkeys((cell.model.name, cell.protocol) for cell in cells)
    models = {model.name: model for model in study.models}
    yield from ((models[name], protocol) for name, protocol in used if study.base)


@dataclass
class _Build:
    """Makes each distinct step once, and remembers how much work it is."""

    study: Study
    catalog: Catalog
    steps: dict[Key, Step] = field(default_factory=dict)
    work: dict[Key, Work] = field(default_factory=dict)
    asked: Counter[Key] = field(default_factory=Counter)
    _pretrained: dict[str, Pretrained] = field(default_factory=dict)
    _composed: dict[tuple[Mixture, int], Compose] = field(default_factory=dict)
    _trained: dict[tuple[Any, ...], Train] = field(default_factory=dict)
    _asked: dict[tuple[str, str], Work] = field(default_factory=dict)
    _scored: dict[tuple[Key, int], list[Scored]] = field(default_factory=dict)

    def base(
        self, model: Model, protocol: str, exams: tuple[tuple[AbilityUse, Exam], ...]
    ) -> Iterator[Measurement]:
        """Yield the measurements of a model before any tuning."""
        start = self.pretrained(model)
        for use, exam, score in self.scores(start, model, exams):
            yield Measurement(
                model=model,
                cell=None,
                stage=0,
                protocol=protocol,
                use=use,
                exam=exam,
                score=score,
            )

    def cell(self, cell: Cell, exams: tuple[tuple[AbilityUse, Exam], ...]) -> Iterator[Measurement]:
        """Yield a cell's measurements: after its last stage, or after every one.

        So that forgetting is seen where it happens.
        """
        start: Pretrained | Train = self.pretrained(cell.model)
        for stage, mixture in enumerate(cell.stages, 1):
            start = self.trained(start, mixture, cell, stage)
            self.asked[start.key] += 1
            if self.study.measure == "every_stage" or stage == len(cell.stages):
                for checkpoint, split in self.kept(start, stage):
                    asked = exams if split == "test" else self.catalog.valid_exams
                    for use, exam, score in self.scores(checkpoint, cell.model, asked):
                        yield Measurement(
                            model=cell.model,
                            cell=cell,
                            stage=stage,
                            protocol=cell.protocol,
                            split=split,
                            use=use,
                            exam=exam,
                            score=score,
                        )

    def kept(self, end: Train, stage: int) -> Iterator[tuple[Checkpoint, Literal["test", "valid"]]]:
        """Yield the checkpoints of a stage with the splits they are measured on, the end last."""
        checkpoints = self.study.checkpoints
        choose = checkpoints.choose if checkpoints else None
        rows = sum(draw.rows for draw in end.data.draws)
        for update, epoch in self.study.marks(stage, end.recipe, rows).items():
            label = f"{end.label}, epoch {epoch}"
            step = self._add(Snapshot(of=end, update=update, label=label), Work())
            yield step, "test"
            if choose and epoch > choose.after:
                yield step, "valid"
        if choose:
            yield end, "valid"
        yield end, "test"

    def pretrained(self, model: Model) -> Pretrained:
        """Return the model's first checkpoint."""
        if model.name not in self._pretrained:
            opened = self.catalog.models[model.name]
            step = Pretrained(
                digest=opened.digest,
                path=str(opened.folder) if opened.local else None,
                label=model.name,
            )
            self._pretrained[model.name] = self._add(step, Work())
        return self._pretrained[model.name]

    def composed(self, mixture: Mixture, seed: int) -> Compose:
        """Return the rows of one stage."""
        where = (mixture, seed)
        if where not in self._composed:
            repeats = self.catalog.repeats(mixture)
            draws = tuple(
                draw(source, rows, digest=read.digest, repeat=name in repeats)
                for name, rows in mixture.items()
                for source, read in [self.catalog.sources[name]]
            )
            label = " + ".join(f"{rows} {name}" for name, rows in mixture.items())
            step = Compose(draws=draws, seed=seed, root=self.catalog.root, label=label)
            rows = sum(mixture.values())
            self._composed[where] = self._add(step, Work(rows=rows, disk=300.0 * rows))
        return self._composed[where]

    def trained(self, start: Pretrained | Train, mixture: Mixture, cell: Cell, stage: int) -> Train:
        """Return one stage of a cell."""
        data = self.composed(mixture, cell.data_seed)
        stages = len(cell.stages)
        where = (start.key, data.key, stage, cell.seed, cell.protocol, stages)
        if where not in self._trained:
            recipe = self.study.recipe(stage, stages=stages, protocol=cell.protocol)
            step = Train(
                start=start,
                data=data,
                recipe=recipe,
                seed=cell.seed,
                backend=self.study.backend,
                keep=tuple(self.study.marks(stage, recipe, sum(mixture.values()))),
                label=f"{cell.model.name}, stage {stage}: {data.label}",
            )
            self._trained[where] = self._add(step, self._training(step, mixture, cell.model.name))
        return self._trained[where]

    def scores(
        self, checkpoint: Checkpoint, model: Model, exams: tuple[tuple[AbilityUse, Exam], ...]
    ) -> list[Scored]:
        """Return a checkpoint's scores on every ability, in every metric."""
        where = (checkpoint.key, id(exams))
        if where not in self._scored:
            self._scored[where] = [
                (use, exam, self._score(score, exam, model.name))
                for use, exam in exams
                for score in exam.scores(checkpoint, backend=self.study.backend)
            ]
        return self._scored[where]

    def _score(self, score: Score, exam: Exam, model: str) -> Score:
        if score.answer.key not in self.steps:
            self._add(score.answer, self._asking(score.answer, exam, model))
        return self._add(score, Work(disk=4_000.0))

    def _add(self, step: S, work: Work) -> S:
        self.steps.setdefault(step.key, step)
        self.work.setdefault(step.key, work)
        return step

    def _training(self, step: Train, mixture: Mixture, model: str) -> Work:
        rows = sum(mixture.values())
        seen = step.recipe.count_updates(rows) * step.recipe.batch_size
        each = sum(n * self.catalog.tokens(model, name).total for name, n in mixture.items()) / rows
        parameters = self.catalog.models[model].parameters or 0
        return Work(
            rows=seen,
            tokens=seen * each,
            flops=6.0 * parameters * seen * each,
            disk=(1 + len(step.keep)) * (4.0 * parameters + 100_000),
            parameters=parameters,
        )

    def _asking(self, step: Answer, exam: Exam, model: str) -> Work:
        """Return the work of asking a model; it is the same for all its checkpoints."""
        where = (model, step.questions.asked)
        if where not in self._asked:
            self._asked[where] = self._estimate(step, exam, model)
        return self._asked[where]

    def _estimate(self, step: Answer, exam: Exam, model: str) -> Work:
        """Estimate what is read and written; replies are taken to be as long as their targets."""
        items = exam.ability.items
        prompts = self.catalog.prompt_tokens(model, [item.prompt for item in items])
        picked = items[:: max(1, len(items) // 32)][:32]
        characters = sum(len(item.target) for item in picked) / len(picked)
        many = max(1, len(items[0].candidates)) if step.questions.kind == "likelihood" else 1
        tokens = len(items) * many * (prompts + characters / 3.0)
        parameters = self.catalog.models[model].parameters or 0
        return Work(
            rows=len(items),
            tokens=tokens,
            flops=2.0 * parameters * tokens,
            disk=500.0 * len(items),
            parameters=parameters,
        )
