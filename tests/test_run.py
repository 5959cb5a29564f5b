"""Running a plan: what fails blocks only what needs it, and two runs share one store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from filelock import FileLock

from espalier.executors.local import Local
from espalier.run import Outcome, run
from espalier.step import Key, Site, Step
from espalier.store import Store
from toil import Toil


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def tree(orders: Path) -> dict[str, Toil]:
    """Return root -> left -> leaf, root -> right, and left + right -> both."""
    root = Toil(name="root", orders=orders)
    left = Toil(name="left", after=root, orders=orders)
    right = Toil(name="right", after=root, orders=orders)
    leaf = Toil(name="leaf", after=left, orders=orders)
    both = Toil(name="both", after=left, also=right, orders=orders)
    return {step.name: step for step in (root, left, right, leaf, both)}


def steps_of(steps: Mapping[str, Toil]) -> dict[Key, Step]:
    return {step.key: step for step in steps.values()}


def go(steps: Mapping[str, Toil], store: Store, workers: int = 0) -> Outcome:
    with Local(workers=workers, device="cpu") as executor:
        return run(steps_of(steps), store, executor, poll=0.02)


def named(keys: object, steps: Mapping[str, Toil]) -> set[str]:
    return {name for name, step in steps.items() if step.key in keys}  # type: ignore[operator]


def log(orders: Path) -> list[str]:
    return (orders / "log").read_text().split()


def test_everything_is_made_once_parents_first_and_then_found(orders: Path, store: Store) -> None:
    steps = tree(orders)
    assert named(go(steps, store).made, steps) == set(steps)
    order = log(orders)
    assert all(order.index(p.name) < order.index(s.name) for s in steps.values() for p in s.parents)
    again = go(steps, store)
    assert (named(again.found, steps), again.made) == (set(steps), set())
    assert again.complete
    assert log(orders) == order


@pytest.mark.parametrize(
    ("what", "says"),
    [("raise", "RuntimeError: a bug of two lines"), ("refuse", "the rows have changed")],
)
def test_a_failed_step_is_a_row_and_blocks_only_what_needs_it(
    what: str, says: str, orders: Path, store: Store
) -> None:
    steps = tree(orders)
    (orders / "left").write_text(what)
    outcome = go(steps, store)
    assert outcome.failed == {steps["left"].key: says}
    assert named(outcome.blocked, steps) == {"leaf", "both"}
    assert named(outcome.made, steps) == {"root", "right"}
    assert not outcome.complete
    assert store.failure(steps["left"]) == says


def test_a_failed_step_is_tried_again_on_the_next_run(orders: Path, store: Store) -> None:
    steps = tree(orders)
    (orders / "left").write_text("raise")
    go(steps, store)
    (orders / "left").unlink()
    outcome = go(steps, store)
    assert named(outcome.found, steps) == {"root", "right"}
    assert named(outcome.made, steps) == {"left", "leaf", "both"}
    assert store.failure(steps["left"]) is None


def test_a_killed_worker_fails_its_own_step_alone_and_its_slot_lives_on(
    orders: Path, store: Store
) -> None:
    steps = tree(orders)
    (orders / "left").write_text("kill")
    outcome = go(steps, store, workers=1)
    assert named(outcome.failed, steps) == {"left"}
    assert "the worker process was killed" in outcome.failed[steps["left"].key]
    assert named(outcome.made, steps) == {"root", "right"}
    (orders / "left").unlink()
    assert go(steps, store).complete


def test_a_damaged_folder_is_its_own_steps_failure_and_not_the_end(
    orders: Path, store: Store
) -> None:
    steps = tree(orders)
    go(steps, store)
    (store.path(steps["left"]) / "step.json").write_text("{")
    outcome = go(steps, store)
    assert named(outcome.failed, steps) == {"left"}
    assert named(outcome.found, steps) == {"root", "right"}


def test_of_two_chains_the_longer_is_begun_first(orders: Path, store: Store) -> None:
    short = Toil(name="a-short", orders=orders)
    long = Toil(name="z-long", orders=orders)
    steps = {"short": short, "long": long, "end": Toil(name="end", after=long, orders=orders)}
    go(steps, store)
    assert log(orders)[0] == "z-long"


def test_a_step_that_another_run_makes_is_waited_for_and_found(orders: Path, store: Store) -> None:
    steps = tree(orders)
    theirs = steps["left"]
    (store.root / "locks").mkdir(parents=True)
    held = FileLock(store.root / "locks" / theirs.key)
    held.acquire()
    noted: list[str] = []

    class Other:
        """Finishes the other run's step once everything else that can be made is made."""

        def started(self, step: Step) -> None:
            noted.append(f"began {step.key}")

        def ended(self, step: Step, how: str, why: str = "") -> None:
            noted.append(f"{how} {step.key}")

        def tick(self) -> None:
            if held.is_locked and f"made {steps['right'].key}" in noted:
                held.release()
                store.make(theirs, Site())

    with Local(workers=0, device="cpu") as executor:
        outcome = run(steps_of(steps), store, executor, watch=Other(), poll=0.02)
    assert named(outcome.found, steps) == {"left"}
    assert named(outcome.made, steps) == {"root", "right", "leaf", "both"}


def test_a_step_whose_other_maker_has_died_is_taken_over(orders: Path, store: Store) -> None:
    steps = tree(orders)
    code = (
        "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); "
        "lock.acquire(); print('held', flush=True); time.sleep(600)"
    )
    (store.root / "locks").mkdir(parents=True)
    lock = store.root / "locks" / steps["left"].key
    with subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        after_a_moment = Once(0.2, lambda: os.kill(other.pid, signal.SIGKILL))
        with Local(workers=0, device="cpu") as executor:
            outcome = run(steps_of(steps), store, executor, watch=after_a_moment, poll=0.02)
    assert named(outcome.made, steps) == set(steps)


class Once:
    """A watch that acts once, some seconds after the run has begun."""

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self.at, self.act = time.monotonic() + seconds, act

    def started(self, step: Step) -> None:
        """Say nothing."""

    def ended(self, step: Step, how: str, why: str = "") -> None:
        """Say nothing."""

    def tick(self) -> None:
        if time.monotonic() > self.at:
            self.at = float("inf")
            self.act()


RUN = """
import json, sys
from pathlib import Path
from test_run import tree, steps_of
from espalier.executors.local import Local
from espalier.run import run
from espalier.store import Store
steps = steps_of(tree(Path(sys.argv[1])))
with Local(workers=0, device="cpu") as executor:
    outcome = run(steps, Store(Path(sys.argv[2])), executor, poll=0.02)
assert outcome.complete
print(json.dumps({"made": sorted(outcome.made), "found": sorted(outcome.found)}))
"""


def test_two_runs_at_once_make_no_step_twice(orders: Path, store: Store) -> None:
    import json

    for name in tree(orders):
        (orders / name).write_text("sleep 0.1")
    asked = [sys.executable, "-c", RUN, str(orders), str(store.root)]
    folder = Path(__file__).parent
    both = [subprocess.Popen(asked, stdout=subprocess.PIPE, cwd=folder) for _ in range(2)]
    said = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    keys = sorted(steps_of(tree(orders)))
    assert sorted(said[0]["made"] + said[1]["made"]) == keys
    assert all(sorted(one["made"] + one["found"]) == keys for one in said)
    assert sorted(log(orders)) == sorted(tree(orders))
