"""Looking into a checkpoint: states as transformers gives them, kept, and never read twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from espalier import separation, tunnel
from espalier.ability import Ability, Item
from espalier.backend import backends
from espalier.errors import DataError, MissingError, SpecError
from espalier.model import digest_of
from espalier.scoring import make_ability
from espalier.step import Site
from espalier.steps.probe import Probe, Queries, pick, queries, unit
from espalier.steps.train import Pretrained
from espalier.store import Store

FOLDER = tunnel.base_folder("xs")
PROMPTS = [
    ({"role": "user", "content": "What is 2 + 3?"},),
    ({"role": "user", "content": "Tell me of a fox, a tower and a river, at some length."},),
    "raw text",
]


def asked(task: str, count: int = 12) -> Queries:
    options: dict[str, Any] = {"task": task, "items": 40}
    return queries(task, make_ability("tunnel", options), count, use="tunnel", options=options)


def probe(**changes: Any) -> Probe:
    base = Pretrained(digest=digest_of(FOLDER), path=str(FOLDER))
    given = {"checkpoint": base, "pool": "mean", "backend": "hf"}
    return Probe(**given | {"queries": tuple(map(asked, ("math", "code", "general")))} | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    shelf = Store(tmp_path_factory.mktemp("probe") / "runs")
    shelf.make(probe().checkpoint, Site())
    shelf.make(probe(), Site())
    return shelf


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_states_are_those_of_transformers_whatever_is_read_beside_them(pool: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with backends["hf"].load(FOLDER, site=Site()) as lm:
        together = lm.hidden(PROMPTS, pool=pool)
        ids = [lm.chat.prompt(prompt) for prompt in PROMPTS]  # type: ignore[attr-defined]
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    assert together.dtype == np.float32
    assert together.shape == (3, model.config.num_hidden_layers + 1, model.config.hidden_size)
    for row, states in zip(ids, together, strict=True):
        with torch.no_grad():
            hidden = model(torch.tensor([row]), output_hidden_states=True).hidden_states
        alone = torch.stack([h[0].mean(0) if pool == "mean" else h[0, -1] for h in hidden])
        np.testing.assert_allclose(states, alone.numpy(), rtol=1e-4, atol=1e-5)


def test_a_probe_keeps_states_measures_and_pictures(store: Store) -> None:
    folder = store.path(probe())
    told = json.loads((folder / "probe.json").read_text())
    with np.load(folder / "states.npz") as kept:
        assert kept["states"].shape == (36, told["depth"] + 1, told["width"])
        assert kept["states"].dtype == np.float32
        assert list(kept["source"]) == ["math"] * 12 + ["code"] * 12 + ["general"] * 12
    assert len(told["measures"]) == (told["depth"] + 1) * 4
    for one in told["measures"]:
        low, high = one["silhouette_interval"]
        assert -1 <= low <= high <= 1
        low, high = one["accuracy_interval"]
        assert 0 <= low <= one["accuracy"] <= high <= 1
    points = pq.read_table(folder / "points.parquet").to_pandas()
    assert points.groupby(["layer", "way"]).size().to_dict() == {(1, "pca"): 36, (1, "tsne"): 36}
    assert sorted(p.name for p in folder.iterdir()) == [
        *("cost.json", "draws.npz", "points.parquet", "probe.json", "states.npz", "step.json")
    ]


def test_a_killed_probe_reads_only_what_was_not_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Store(tmp_path / "runs")
    other.make(probe().checkpoint, Site())
    read: list[int] = []
    whole = backends["hf"].load

    class Watched:
        def __init__(self, lm: Any) -> None:
            self.lm = lm

        def hidden(self, prompts: Any, **options: Any) -> Any:
            if len(read) == 2:
                raise KeyboardInterrupt
            read.append(len(prompts))
            return self.lm.hidden(prompts, **options)

    class Load:
        def __init__(self, model: Path, *, site: Site) -> None:
            self.inner = whole(model, site=site)

        def __enter__(self) -> Watched:
            return Watched(self.inner.__enter__())

        def __exit__(self, *error: Any) -> None:
            self.inner.__exit__(*error)

    monkeypatch.setattr(type(backends["hf"]), "load", lambda _, model, site: Load(model, site=site))
    with pytest.raises(KeyboardInterrupt):
        other.make(probe(), Site())
    assert len(list(other.partial(probe()).glob("parts/*.npy"))) == 2
    read.clear()
    read.append(0)
    assert other.make(probe(), Site())
    assert read == [0, 12], "of three sources two were read before"
    for name in ("states.npz", "draws.npz", "probe.json"):
        a, b = (shelf.path(probe()) / name for shelf in (store, other))
        assert a.read_bytes() == b.read_bytes()


def test_layers_pool_and_queries_are_what_it_is_and_no_other_thing() -> None:
    keys = {
        probe().key,
        probe(pool="last").key,
        probe(layers=(2,)).key,
        probe(queries=(asked("math", 10), asked("code"))).key,
    }
    assert len(keys) == 4
    moved = asked("math").model_copy(update={"use": "elsewhere", "options": {"items": 3}})
    assert (
        probe(queries=(moved, asked("code"))).key
        == probe(queries=(asked("math"), asked("code"))).key
    )


def test_a_layer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    shelf = Store(tmp_path)
    shelf.make(probe().checkpoint, Site())
    with pytest.raises(SpecError, match=r"no layer 15; this model has 0 to 2"):
        shelf.make(probe(layers=(15,), queries=(asked("math"), asked("code"))), Site())


def test_items_that_changed_since_planning_are_refused() -> None:
    moved = asked("math").model_copy(update={"options": {"task": "math", "items": 80}})
    with pytest.raises(DataError, match="have changed since planning"):
        moved.items()


def test_too_few_items_or_clusters_are_refused() -> None:
    with pytest.raises(SpecError, match="'math' has 40 items, 50 are asked for; ask for fewer"):
        asked("math", 50)
    items = [Item(id=str(i), prompt="?", target="", cluster="one") for i in range(20)]
    ability = Ability(name="a", items=items, scorers=())
    with pytest.raises(SpecError, match=r"all of one cluster \(one\)"):
        queries("a", ability, 10, use="a", options={})


def test_fewer_queries_are_part_of_more_and_come_in_the_items_order() -> None:
    ability = make_ability("tunnel", {"task": "math", "items": 40})
    few, many = pick(ability, 5), pick(ability, 20)
    assert [item for item in many if item in few] == few
    assert [item for item in ability.items if item in many] == many
    assert len({unit(item) for item in many}) <= 20


def test_a_run_says_before_it_begins_that_scikit_learn_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(separation, "find_spec", lambda _: None)
    with pytest.raises(MissingError, match=r"scikit-learn is not installed; pip install"):
        probe().check()
