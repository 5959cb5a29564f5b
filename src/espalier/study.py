"""The study file: what a user asks, checked word by word before anything is read or run.

    studies/x.yaml --load--> Study --cells--> one Cell per combination of the factors

A study is the product of models, designs (which mixtures), strategies (in which stages) and
seeds.  Nothing here opens a source or a model; `plan.py` does, and gives `cells` the two things it
must know of them: which sources there are, and how many rows an amount is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from itertools import product
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from espalier.ability import abilities
from espalier.backend import backends
from espalier.design import UNITS, Amount, Count, Labelled, amounts, designs, read_amount
from espalier.errors import SpecError, choices
from espalier.mixture import Mixture
from espalier.probe import Probing
from espalier.recipe import Recipe
from espalier.source import Source
from espalier.spec import Share, Spec
from espalier.strategy import strategies

Name = Annotated[str, Field(pattern=r"^\w[\w.+-]*$", description="letters, digits and . _ + -")]


class Model(Spec):
    """A base model: a local folder, a Hugging Face hub id, or `tunnel:NAME`."""

    name: Name
    path: str = Field(exclude=True, description="folder, hub id, or tunnel:NAME")
    revision: str | None = Field(None, description="of a hub id: a commit, tag or branch")


def _on(shelf: Mapping[str, Any], noun: str) -> AfterValidator:
    """Let only the names of a shelf through."""

    def check(name: str) -> str:
        if name not in shelf:
            raise ValueError(f"no {noun} '{name}'; {choices(name, shelf)}")
        return name

    return AfterValidator(check)


class Named(Spec):
    """A shelf's item by name with its options, as `{name: dmt, general: chat, k: [1/16, 1/4]}`."""

    model_config = ConfigDict(extra="allow")
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Return what was given beside the declared fields."""
        return dict(self.__pydantic_extra__ or {})


class DesignUse(Named):
    """A design with its amounts, and the strategies its mixtures are trained by."""

    name: Annotated[str, _on(designs, "design")]
    strategies: tuple[str, ...] = Field((), description="names; default: all of the study's")
    models: tuple[str, ...] = Field((), description="names; default: all of the study's")
    protocols: tuple[str, ...] = Field((), description="names; default: all of the study's")


class StrategyUse(Named):
    """A strategy with its options; a list of values is a sweep."""

    name: Annotated[str, _on(strategies, "strategy")]


class AbilityUse(Named):
    """What is measured: an ability from the shelf under a name of the user's choice."""

    name: Name
    use: Annotated[str, _on(abilities, "ability")] = Field(
        description="the shelf's name; `tunnel:math` means {use: tunnel, task: math}"
    )
    role: Literal["in", "out"] | None = Field(None, description="in- or out-of-domain")


class Protocol(Spec):
    """What is held equal between the cells that are compared."""

    name: Literal["epochs", "updates"]
    updates: Annotated[int, Field(ge=1)] | None = Field(
        None, description="of every cell in all, shared evenly by its stages"
    )

    @model_validator(mode="after")
    def _a_number_where_it_is_needed(self) -> Self:
        if self.name == "epochs" and self.updates is not None:
            raise ValueError("updates: goes with the protocol `updates`; epochs stand in `train`")
        if self.name == "updates" and self.updates is None:
            raise ValueError(
                "updates: is missing; say how many every cell is trained for in all, as "
                "{name: updates, updates: 512}"
            )
        return self


class Choose(Spec):
    """By what one epoch is chosen for each ability; the others are measured, but not compared."""

    split: Literal["valid"] = Field("valid", description="the abilities' split to choose on")
    after: Annotated[int, Field(ge=0)] = Field(
        0, description="only epochs later than this one may be chosen"
    )


class Checkpoints(Spec):
    """Which epochs of a stage are kept and measured beside its end.

    Song et al., 2023: every one of 15 epochs, of which the best on `valid` after epoch 5 counts.
    """

    every: Annotated[int, Field(ge=1)] = Field(1, description="`epoch`, or so many epochs")
    choose: Choose | None = Field(None, description="default: the last epoch is the one compared")

    @field_validator("every", mode="before")
    @classmethod
    def _in_words(cls, value: Any) -> Any:
        return 1 if value == "epoch" else value


class Seeds(Spec):
    """Replicates.  A plain list pairs the two: seed 1 draws other rows *and* trains otherwise."""

    training: tuple[int, ...] = (0,)
    data: tuple[int, ...] = (0,)
    paired: bool = False

    @model_validator(mode="after")
    def _some(self) -> Self:
        for kind in ("training", "data"):
            given = getattr(self, kind)
            if not given or len(set(given)) < len(given) or min(given) < 0:
                raise ValueError(f"{kind}: give one or more different seeds, 0 or larger")
        if self.paired and self.training != self.data:
            raise ValueError("paired seeds are the same for training and data; leave `paired` out")
        return self

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Return (data seed, training seed) of every replicate."""
        if self.paired:
            return [(seed, seed) for seed in self.training]
        return list(product(self.data, self.training))


Kind = Literal[
    "growth",
    "size",
    "mixing",
    "factors",
    "strategy",
    "forgetting",
    "ood",
    "exchange",
    "sensitivity",
]
"""A kind of question, as findings name them."""


class Adaptive(Spec):
    """What `run --adaptive` is to decide, and for how much of the full grid's training."""

    questions: tuple[Kind, ...] = Field(
        (), description="kinds of findings to decide; default: all that the study bears"
    )
    budget: float = Field(
        0.4, gt=0, le=1, description="share of the full grid's training tokens to spend at most"
    )
    sure: float = Field(
        0.9, ge=0.5, lt=1, description="how likely the full grid must be to say the same"
    )
    batch: float = Field(
        0.05, gt=0, le=1, description="share of the full grid's training tokens between two looks"
    )


def _short_model(value: Any) -> Any:
    """Read `Qwen/Qwen3-0.6B` as {name: Qwen3-0.6B, path: Qwen/Qwen3-0.6B}.

    `tunnel:s?world=1` is called `s`, in every world.
    """
    if isinstance(value, str):
        name = value.partition("?")[0].replace(":", "/").rstrip("/").rpartition("/")[2]
        return {"name": name, "path": value}
    return value


def _short_named(value: Any) -> Any:
    """Read `multitask` as {name: multitask}."""
    return {"name": value} if isinstance(value, str) else value


def _short_ability(value: Any) -> Any:
    """Read `tunnel:math` as {name: math, use: tunnel, task: math}, `gsm8k` as {use: gsm8k}.

    `own:mine.yaml` is {name: mine, use: own, file: mine.yaml}.
    """
    value = {"use": value} if isinstance(value, str) else value
    if not isinstance(value, Mapping):
        return value
    if not value.get("use") and not value.get("name"):
        raise ValueError("say what is measured, as gsm8k or {use: tunnel, task: math}")
    use, _, task = str(value.get("use", value.get("name"))).partition(":")
    task_given = {"task": task} if task else {}
    if use == "own" and (file := task or value.get("file")):
        task = re.sub(r"[^\w.+-]+", "_", Path(str(file)).stem)
        task_given = {"file": file}
    return {"name": task or use} | dict(value) | {"use": use} | task_given


def _short_seeds(value: Any) -> Any:
    """Read `[0, 1]` as paired seeds and `3` as seeds 0, 1, 2."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = list(range(value))
    if isinstance(value, list | tuple):
        return {"training": list(value), "data": list(value), "paired": True}
    return value


AbilityEntry = Annotated[AbilityUse, BeforeValidator(_short_ability)]
"""An ability as a study or a command line names it: in short, or with its options."""


class Study(Spec):
    """A study: factors, what is measured, and how each stage is trained."""

    name: Name
    question: str = ""
    data: str | None = Field(
        None, exclude=True, description="folder that relative paths of sources start from"
    )
    models: tuple[Annotated[Model, BeforeValidator(_short_model)], ...] = Field(min_length=1)
    sources: tuple[Source, ...] = Field(min_length=1)
    designs: tuple[Annotated[DesignUse, BeforeValidator(_short_named)], ...] = Field(min_length=1)
    strategies: tuple[Annotated[StrategyUse, BeforeValidator(_short_named)], ...] = Field(
        (StrategyUse(name="multitask"),), min_length=1
    )
    seeds: Annotated[Seeds, BeforeValidator(_short_seeds)] = Seeds()
    abilities: tuple[AbilityEntry, ...] = Field(min_length=1)
    train: Recipe = Recipe()
    stages: tuple[dict[str, Any], ...] = Field(
        (), description="per stage of a cell: what differs from `train`"
    )
    protocols: tuple[Annotated[Protocol, BeforeValidator(_short_named)], ...] = Field(
        (), description="what is held equal between cells; default: the length that `train` gives"
    )
    measure: Literal["last", "every_stage"] = "last"
    checkpoints: Checkpoints | None = Field(
        None, description="also measure epochs before the end of a stage, and choose among them"
    )
    base: bool = Field(True, description="also measure every model untuned")
    adaptive: Adaptive = Field(
        Adaptive(), description="what `espalier run --adaptive` decides, and for how much"
    )
    probe: Probing | None = Field(
        None, description="look at hidden states of queries, before and after tuning"
    )
    backend: str = "hf"

    root: str = Field(".", exclude=True, json_schema_extra={"readOnly": True})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for shelf in ("models", "sources", "abilities", "protocols"):
            names = [entry.name for entry in getattr(self, shelf)]
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{shelf}: two are called '{twice[0]}'; names must differ")
        strategy_names = {use.name for use in self.strategies} | {"multitask"}
        for i, use in enumerate(self.designs):
            for name in use.strategies:
                if name not in strategy_names:
                    where = f"designs[{i}].strategies"
                    raise ValueError(f"{where}: no '{name}'; {choices(name, strategy_names)}")
            for name in use.models:
                if name not in {m.name for m in self.models}:
                    known = choices(name, (m.name for m in self.models))
                    raise ValueError(f"designs[{i}].models: no '{name}'; {known}")
            for name in use.protocols:
                if name not in self.protocol_names:
                    known = choices(name, self.protocol_names)
                    raise ValueError(f"designs[{i}].protocols: no '{name}'; {known}")
        if any(p.name == "epochs" for p in self.protocols) and any(
            r.updates is not None for r in (self.train, *self.recipes)
        ):
            raise ValueError(
                "protocols: epochs: `train` or `stages` give their length in updates; give epochs"
            )
        if self.backend not in backends:
            raise ValueError(f"backend: no '{self.backend}'; {choices(self.backend, backends)}")
        self._check_checkpoints()
        _ = self.recipes, self._design_options, self._strategy_options
        named = {"of": {a.name for a in self.abilities}, "strategies": strategy_names}
        for field, there in named.items():
            for name in getattr(self.probe, field, ()):
                if name not in there:
                    raise ValueError(f"probe.{field}: no '{name}'; {choices(name, there)}")
        return self

    def _check_checkpoints(self) -> None:
        """Refuse checkpoints of stages without epochs, and a choice that leaves none."""
        for recipe in (self.train, *self.recipes) if self.checkpoints else ():
            if recipe.epochs is None:
                raise ValueError(
                    "checkpoints: count epochs, but `train` or `stages` give their length in "
                    "updates; give it in epochs, and equal updates as a protocol"
                )
            choose = self.checkpoints.choose if self.checkpoints else None
            if choose and choose.after >= recipe.epochs:
                raise ValueError(
                    f"checkpoints.choose.after: {choose.after} of {recipe.epochs:g} epochs leaves "
                    "none to choose; give less"
                )

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """Return the recipe of every stage that has its own."""
        return tuple(_overlay(self.train, o, f"stages[{i}]") for i, o in enumerate(self.stages))

    @cached_property
    def protocol_names(self) -> tuple[str, ...]:
        """Return what is held equal: `updates` where every stage's length is given in them."""
        if self.protocols:
            return tuple(protocol.name for protocol in self.protocols)
        recipes = (self.train, *self.recipes)
        return ("updates" if all(r.updates is not None for r in recipes) else "epochs",)

    def recipe(self, stage: int, *, stages: int = 1, protocol: str | None = None) -> Recipe:
        """Return the recipe of a stage, counted from 1, of a cell that has so many `stages`.

        A protocol with updates shares them evenly between the stages; the first get what is over.
        """
        recipe = self.recipes[stage - 1] if stage <= len(self.recipes) else self.train
        updates = next((p.updates for p in self.protocols if p.name == protocol), None)
        if updates is None:
            return recipe
        if updates < stages:
            raise SpecError(
                f"protocols: {updates} updates for a cell of {stages} stages; give {stages} or more"
            )
        share = updates // stages + (stage <= updates % stages)
        return _overlay(recipe, {"updates": share}, "protocols")

    def marks(self, stage: int, recipe: Recipe, rows: int) -> dict[int, int]:
        """Return the epochs of a stage that are kept before its end: update -> epoch.

        Where `recipe` trains longer than its epochs, by `min_updates` or under equal updates, an
        epoch is the same share of the training: the k-th of n is after k/n of all updates.
        """
        if self.checkpoints is None:
            return {}
        epochs = self.recipe(stage).epochs or 0.0
        total = recipe.count_updates(rows)
        every = self.checkpoints.every
        found = {round(e / epochs * total): e for e in range(every, ceil(epochs), every)}
        return {update: e for update, e in found.items() if 0 < update < total}

    @property
    def source_names(self) -> tuple[str, ...]:
        """Return the sources' names in the order of the file."""
        return tuple(source.name for source in self.sources)

    @cached_property
    def _design_options(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            _design_options(use, self.source_names, f"designs[{i}]")
            for i, use in enumerate(self.designs)
        )

    @cached_property
    def _strategy_options(self) -> tuple[tuple[StrategyUse, dict[str, Any]], ...]:
        """Return every strategy with one set of options, sweeps spread out."""
        return tuple(
            (use, options)
            for i, use in enumerate(self.strategies)
            for options in _sweep(use, self.source_names, f"strategies[{i}]")
        )

    def cells(self, count: Callable[[Model, int, str, Amount], int]) -> list[Cell]:
        """Return every distinct cell.

        `count(model, data_seed, source, amount)` says how many rows an amount is.  A cell that
        several designs ask for is one cell with several labels.
        """
        found: dict[tuple[Any, ...], Cell] = {}
        for protocol, model, (data_seed, seed) in product(
            self.protocol_names, self.models, self.seeds.pairs
        ):
            for use, options in zip(self.designs, self._design_options, strict=True):
                if use.models and model.name not in use.models:
                    continue
                if use.protocols and protocol not in use.protocols:
                    continue

                def rows(
                    source: str, amount: Amount, model: Model = model, data_seed: int = data_seed
                ) -> int:
                    return count(model, data_seed, source, amount)

                for label, mixture in self._mixtures(use, rows, options):
                    for name, chosen, stages in self._staged(mixture, use):
                        options_of = _frozen(chosen)
                        where = (protocol, model.name, mixture, name, options_of, seed, data_seed)
                        if where in found:
                            found[where] = found[where].asked_by(label)
                        else:
                            found[where] = Cell(
                                model=model,
                                mixture=mixture,
                                strategy=name,
                                options=chosen,
                                stages=stages,
                                seed=seed,
                                data_seed=data_seed,
                                protocol=protocol,
                                designs=(label,),
                            )
        return list(found.values())

    def _mixtures(
        self, use: DesignUse, count: Count, options: dict[str, Any]
    ) -> Iterator[Labelled]:
        """Ask a design for its mixtures."""
        if "origins" in inspect.signature(designs[use.name]).parameters:
            options = options | {"origins": {s.name: s.origin for s in self.sources}}
        for label, mixture in designs[use.name](self.source_names, count, **options):
            if not mixture:
                raise SpecError(f"design {use.name}: there is no human source; see `origin`")
            yield label, mixture

    def _staged(
        self, mixture: Mixture, use: DesignUse
    ) -> Iterator[tuple[str, dict[str, Any], tuple[Mixture, ...]]]:
        """Yield the strategies a mixture is trained by.

        A mixture of one source has one order, so it is trained once, in one stage.
        """
        if len(mixture) == 1:
            yield "multitask", {}, (mixture,)
            return
        offered = self._strategy_options
        if "multitask" in use.strategies and all(s.name != "multitask" for s, _ in offered):
            offered = ((StrategyUse(name="multitask"), {}), *offered)
        for strategy, options in offered:
            if use.strategies and strategy.name not in use.strategies:
                continue
            for name, value in options.items():
                if isinstance(value, str) and value not in mixture:
                    raise SpecError(
                        f"strategy {strategy.name}: {name} is '{value}', which the design "
                        f"'{use.name}' does not mix; its sources are {', '.join(mixture)}. "
                        "Name the design's own `strategies:` to leave this one out"
                    )
            try:
                stages = strategies[strategy.name](mixture, **options)
            except SpecError as error:
                raise SpecError(f"strategy {strategy.name}, design {use.name}: {error}") from None
            yield strategy.name, options, tuple(stage for stage in stages if stage)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination of the factors: what is trained, how, and under which seeds."""

    model: Model
    mixture: Mixture
    strategy: str
    options: Mapping[str, Any]
    stages: tuple[Mixture, ...]
    seed: int
    data_seed: int
    protocol: str
    designs: tuple[str, ...]

    @property
    def k(self) -> float | None:
        """Return DMT's replayed share, where the strategy has one."""
        k = self.options.get("k")
        return None if k is None else float(k)

    def asked_by(self, label: str) -> Cell:
        """Return the cell with one more design that asks for it."""
        if label in self.designs:
            return self
        return Cell(**(self.__dict__ | {"designs": (*self.designs, label)}))


def _frozen(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(options.items()))


def _overlay(recipe: Recipe, changes: Mapping[str, Any], where: str) -> Recipe:
    """Return `recipe` with `changes`; giving one kind of length takes the other's place."""
    given = recipe.model_dump(exclude_unset=True)
    if "updates" in changes:
        given = {k: v for k, v in given.items() if k not in ("epochs", "min_updates")}
    if "epochs" in changes:
        given.pop("updates", None)
    unknown = [name for name in changes if name not in Recipe.model_fields]
    if unknown:
        raise ValueError(
            f"{where}: no field '{unknown[0]}'; {choices(unknown[0], Recipe.model_fields)}"
        )
    try:
        return Recipe.model_validate(given | dict(changes))
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join((where, *(str(part) for part in first["loc"])))
        raise ValueError(f"{at}: {first['msg'].removeprefix('Value error, ')}") from None


def _design_options(use: DesignUse, sources: Sequence[str], where: str) -> dict[str, Any]:
    """Check a design's options against its signature and the sources, and read its amounts."""
    takes = set(inspect.signature(designs[use.name]).parameters) - {"sources", "count", "origins"}
    given = use.options
    allowed = (takes | set(UNITS) if "amounts" in takes else takes) - {"amounts"}
    if unknown := [name for name in given if name not in allowed]:
        raise ValueError(f"{where}: no option '{unknown[0]}'; {choices(unknown[0], allowed)}")
    options: dict[str, Any] = {}
    if "amounts" in takes:
        options["amounts"] = tuple(amounts(given, where))
    if "add" in given:
        options["add"] = _numbers(given["add"], f"{where}.add")
    if "of" in given:
        options["of"] = _sources(given["of"], sources, f"{where}.of")
    if "fixed" in given:
        if not isinstance(given["fixed"], Mapping):
            raise ValueError(f"{where}.fixed: write it as {{SOURCE: {{rows: 64}}}}")
        options["fixed"] = {
            _source(name, sources, f"{where}.fixed"): read_amount(
                amount if isinstance(amount, Mapping) else {}, f"{where}.fixed.{name}"
            )
            for name, amount in given["fixed"].items()
        }
    for name, parameter in inspect.signature(designs[use.name]).parameters.items():
        if parameter.default is parameter.empty and name in takes and name not in options:
            raise ValueError(f"{where}: design '{use.name}' needs `{name}`")
    if both := set(options.get("of", ())) & set(options.get("fixed", ())):
        raise ValueError(f"{where}: '{min(both)}' is both varied and fixed; keep it on one side")
    return options


def _numbers(given: Any, where: str) -> tuple[int, ...]:
    """Read one number of rows, or a list of different ones; 0 is one."""
    numbers = given if isinstance(given, list | tuple) else [given]
    if not numbers or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError(f"{where}: give numbers of rows, 0 or more, as [0, 256]")
    return tuple(dict.fromkeys(numbers))


def _sources(given: Any, sources: Sequence[str], where: str) -> tuple[str, ...]:
    """Read one source, or a list of different ones."""
    names = given if isinstance(given, list | tuple) else [given]
    if not names:
        raise ValueError(f"{where}: names no source; give at least one")
    found = tuple(_source(name, sources, where) for name in names)
    if len(set(found)) < len(found):
        raise ValueError(f"{where}: a source is named twice")
    return found


def _source(name: Any, sources: Sequence[str], where: str) -> str:
    if name not in sources:
        raise ValueError(f"{where}: no source '{name}'; {choices(str(name), sources)}")
    return str(name)


@cache
def _hints(name: str) -> dict[str, Any]:
    hints = get_type_hints(strategies[name])
    return {k: v for k, v in hints.items() if k not in ("mixture", "return")}


def _sweep(use: StrategyUse, sources: Sequence[str], where: str) -> list[dict[str, Any]]:
    """Check a strategy's options and spread its lists into one set of options each."""
    hints = _hints(use.name)
    if unknown := [name for name in use.options if name not in hints]:
        raise ValueError(f"{where}: no option '{unknown[0]}'; {choices(unknown[0], hints)}")
    if missing := [name for name in hints if name not in use.options]:
        raise ValueError(f"{where}: strategy '{use.name}' needs `{missing[0]}`")
    values: dict[str, list[Any]] = {}
    for name, hint in hints.items():
        given = use.options[name]
        at = f"{where}.{name}"
        if hint is Fraction:
            several = given if isinstance(given, list | tuple) else [given]
            values[name] = list(dict.fromkeys(_share(value, at) for value in several))
        elif hint is str:
            values[name] = list(_sources(given, sources, at))
        else:  # an order: one list, or several of them
            if not isinstance(given, list | tuple) or not given:
                raise ValueError(f"{at}: give a list of sources")
            orders = given if isinstance(given[0], list | tuple) else [given]
            if not all(isinstance(order, list | tuple) for order in orders):
                raise ValueError(f"{at}: give one list of sources, or a list of such lists")
            values[name] = [_sources(order, sources, at) for order in orders]
        if not values[name]:
            raise ValueError(f"{at}: no value; give at least one")
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


class _ShareValue(Spec):
    value: Share


def _share(value: Any, where: str) -> Fraction:
    try:
        share = _ShareValue(value=value).value
    except ValueError:
        raise ValueError(f"{where}: '{value}' is no share; write 0.25 or 1/4") from None
    if not 0 <= share <= 1:
        raise ValueError(f"{where}: {value} lies outside 0 to 1")
    return share


def root_of(study: Study) -> Path:
    """Return the folder that relative paths of sources start from."""
    return Path(study.root, study.data) if study.data else Path(study.root)
