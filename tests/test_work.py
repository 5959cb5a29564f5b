"""How long a study will take: rates of finished steps, or a guess that is said to be one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import mini
from conftest import Cli
from espalier.load import load
from espalier.plan import Plan, plan
from espalier.step import Step
from espalier.store import Store
from espalier.work import rates

DMT = {"name": "dmt", "general": "general", "k": ["1/8", "1/4", "1/2"]}
SHARED = {"strategies": [DMT], "designs": [{"name": "together", "rows": 16}]}


class Finished(Store):
    """A store of which only the costs are known."""

    def __init__(self, costs: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(Path("nowhere"))
        self.costs = costs

    def present(self) -> set[str]:
        return set(self.costs)

    def cost(self, step: Step) -> dict[str, Any]:
        return dict(self.costs[step.key])


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan(load(mini.study(tmp_path_factory.mktemp("work"), **SHARED)))


def took(planned: Plan, seconds: list[float], **cost: Any) -> float | None:
    """Return the seconds a training token is expected to cost after trainings that took so long."""
    costs = {
        step.key: {"device": "cpu", "threads": 1, "cpu_seconds": spent, "wall_seconds": 90.0} | cost
        for step, spent in zip(planned.stages, seconds, strict=False)
    }
    found = rates(planned.steps, planned.work, Finished(costs))
    last = planned.work[planned.stages[-1].key]
    return found.seen.get(("train", last.parameters))


def test_the_first_steps_of_a_process_tell_no_rate_unless_they_are_long(planned: Plan) -> None:
    assert took(planned, [9.0]) is None
    assert took(planned, [9.0, 0.5]) is None
    assert took(planned, [9.0, 0.5, 0.5]) == pytest.approx(took(planned, [0.5, 0.5, 0.5]), rel=0.5)
    assert took(planned, [120.0]) is not None


def test_a_busy_machine_makes_no_step_longer_on_a_core_of_its_own(planned: Plan) -> None:
    quiet = took(planned, [1.0, 1.0, 1.0], wall_seconds=1.0)
    assert took(planned, [1.0, 1.0, 1.0], wall_seconds=30.0) == quiet
    assert quiet is not None
    assert took(planned, [2.0, 2.0, 2.0], threads=2) == quiet
    on_gpu = took(planned, [1.0, 1.0, 1.0], device="cuda", wall_seconds=3.0)
    assert on_gpu == pytest.approx(3 * quiet)


def test_a_plan_says_what_sharing_saves_in_stages_tokens_and_minutes(
    tmp_path: Path, cli: Cli
) -> None:
    file = mini.study(tmp_path, **SHARED)
    said = cli("plan", file, "--store", tmp_path / "runs")
    words = " ".join(said.out.split())
    assert "3 cells ask for 6 training stages, 4 are trained: sharing saves" in words
    assert "CPU-minutes" in words
