"""What a user asks: which model, what counts, what must be kept; read against the table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from espalier.analysis._evidence import Evidence, Panel
from espalier.errors import DataError, SpecError, choices
from espalier.recommend._cells import Cells, gather, panels_of
from espalier.recommend._price import Setting, check_budget
from espalier.recommend._scatter import Scatter
from espalier.results import Table


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The question, with its defaults filled in."""

    table: Table
    panels: Mapping[str, Panel]
    protocol: str
    model: str
    models: Mapping[str, tuple[int, float]]
    """Model -> how many finished cells it has, and its parameters (NaN where unknown)."""
    budget: Mapping[str, float]
    weights: Mapping[str, float]
    """As the user says them: ability -> weight."""
    floors: Mapping[str, float]
    setting: Setting

    @property
    def signed(self) -> dict[str, float]:
        """Return each ability's part of the utility per unit of its metric."""
        total = sum(self.weights.values())
        return {
            name: w / total * self.panels[name].better / self.panels[name].scale
            for name, w in self.weights.items()
        }

    def gather(self, model: str) -> Cells | None:
        """Return a model's finished cells, as far as abilities count or have a floor."""
        names = dict.fromkeys([*self.weights, *self.floors])
        panels = {name: self.panels[name] for name in names}
        return gather(panels, model, self.protocol, scatter=Scatter.among(self.panels))


def ask(
    table: Table,
    evidence: Evidence,
    *,
    budget: Mapping[str, float],
    utility: Mapping[str, float],
    floors: Mapping[str, float],
    model: str | None,
    setting: Setting,
) -> Asked:
    """Return the question, or refuse what the table does not have."""
    check_budget(budget)
    protocol = _protocol(evidence.panels)
    panels = panels_of(evidence, protocol)
    models = _models(panels)
    if not models:
        raise DataError("the table has no finished cell: no score after a cell's last stage")
    target = _target(models, model)
    return Asked(
        table=table,
        panels=panels,
        protocol=protocol,
        model=target,
        models=models,
        budget=budget,
        weights=_weights(panels, utility, target),
        floors=_floors(panels, floors),
        setting=setting,
    )


def _protocol(panels: Sequence[Panel]) -> str:
    """Return the protocol under which most was measured; never two are compared."""
    count: dict[str, int] = {}
    for panel in panels:
        cells = sum(len(block.finals) for block in panel.blocks)
        count[panel.protocol] = count.get(panel.protocol, 0) + cells
    return max(sorted(count), key=lambda name: count[name], default="epochs")


def _models(panels: Mapping[str, Panel]) -> dict[str, tuple[int, float]]:
    """Return model -> (cells, parameters) of every model with a finished cell or a base."""
    found: dict[str, tuple[int, float]] = {}
    for panel in panels.values():
        for block in panel.blocks:
            cells = max(len(block.finals), found.get(block.model, (0, 0.0))[0])
            found[block.model] = cells, block.parameters or math.nan
    return found if any(cells for cells, _ in found.values()) else {}


def _target(models: Mapping[str, tuple[int, float]], model: str | None) -> str:
    """Return the model that is asked for, by default the one with most cells, then the largest."""
    if model is not None:
        if model not in models:
            raise SpecError(f"--model: no '{model}' in the table; {choices(model, models)}")
        return model

    def rank(name: str) -> tuple[int, float]:
        cells, parameters = models[name]
        return cells, 0.0 if math.isnan(parameters) else parameters

    return max(sorted(models), key=rank)


def _weights(
    panels: Mapping[str, Panel], utility: Mapping[str, float], model: str
) -> dict[str, float]:
    """Return the abilities that count, by default the in-domain ones of the model alike."""
    for name, weight in utility.items():
        _known("--utility", name, panels)
        if not (math.isfinite(weight) and weight >= 0):
            raise SpecError(f"--utility {name}={weight:g}: a weight is 0 or more")
    if utility:
        chosen = {name: float(w) for name, w in utility.items() if w > 0}
        if not chosen:
            raise SpecError("--utility: every weight is 0; give one ability more than that")
        return chosen
    plain = {name: p for name, p in panels.items() if name == p.ability}
    of_model = {n: p for n, p in plain.items() if any(b.model == model for b in p.blocks)}
    domain = {n: p for n, p in (of_model or plain).items() if p.role == "in"}
    return dict.fromkeys(domain or of_model or plain, 1.0)


def _floors(panels: Mapping[str, Panel], floors: Mapping[str, float]) -> dict[str, float]:
    for name, floor in floors.items():
        _known("--floor", name, panels)
        low, high = panels[name].bounds
        if not math.isfinite(floor) or not low <= floor <= high:
            raise SpecError(
                f"--floor {name}={floor:g}: its {panels[name].metric} lies between {low:g} and "
                f"{high:g}"
            )
    return {name: float(floor) for name, floor in floors.items()}


def _known(option: str, name: str, panels: Mapping[str, Panel]) -> None:
    if name not in panels:
        plain = [known for known, p in panels.items() if known == p.ability]
        raise SpecError(f"{option}: no ability '{name}' in the table; {choices(name, plain)}")
