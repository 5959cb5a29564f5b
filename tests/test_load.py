"""Loading: what a study file says, what lies over and under it, and how a broken one is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import mini
from conftest import Cli
from espalier.cli import main
from espalier.errors import SpecError
from espalier.load import find, load, shipped
from espalier.plan import plan

BROKEN: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(
    Path(__file__).with_name("broken") / "studies.yaml"
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good model and source, and several that cannot be used."""
    folder = tmp_path_factory.mktemp("broken")
    for name in ("model", "pickled", "bare", "mute", "torn"):
        mini.frame(folder / name)
    (folder / "pickled/model.safetensors").rename(folder / "pickled/pytorch_model.bin")
    (folder / "bare/config.json").unlink()
    (folder / "mute/tokenizer.json").unlink()
    (folder / "torn/model.safetensors").write_bytes(b"\x05")
    (folder / "torn.jsonl").write_text('{"question": \n' * 3)
    (folder / "strange.jsonl").write_text('{"a": 1, "b": 2}\n')
    return folder


def write_broken(folder: Path, case: Mapping[str, Any]) -> None:
    file = folder / "study.yaml"
    if "text" in case:
        file.write_text(case["text"])
    elif "deep" in case:
        file.write_text("name: " + "[" * case["deep"])
    elif "bomb" in case:  # each line doubles the one before, by reference
        lines = [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, case["bomb"])]
        file.write_text("a0: &a0 [x]\n" + "".join(lines) + f"name: *a{case['bomb'] - 1}\n")
    elif "junk" in case:
        file.write_bytes(bytes(range(256)))
    else:
        given = {**mini.BASE, **case.get("change", {})}
        given.pop(case.get("without", ""), None)
        mini.write(folder, given)


def holds_in_order(text: str, said: str) -> bool:
    at = 0
    for part in said.split(" ... "):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


@pytest.mark.parametrize("case", BROKEN, ids=[c["says"][:48] for c in BROKEN])
def test_a_broken_study_is_refused_in_one_line_and_nothing_is_written(
    case: Mapping[str, Any],
    workshop: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workshop)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    write_broken(workshop, case)
    before = sorted(workshop.iterdir())
    asked = ["run", "study.yaml", "--store", "runs", "--workers", "0", *case.get("set", ())]
    monkeypatch.setattr(sys, "argv", ["espalier", *asked])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, "")
    assert err.startswith("espalier: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert holds_in_order(err, case["says"]), err
    assert sorted(workshop.iterdir()) == before


def test_there_are_more_than_forty_broken_studies_and_each_says_something() -> None:
    assert len(BROKEN) > 40
    assert all(len(case["says"]) > 4 for case in BROKEN)


def test_what_the_checker_refuses_names_the_file_it_stands_in(tmp_path: Path) -> None:
    for changes in ({"trian": {}}, {"designs": [{"name": "single", "rows": 0}]}):
        file = mini.study(tmp_path, **changes)
        with pytest.raises(SpecError) as caught:
            load(file)
        assert str(caught.value).startswith(f"{file}: ")


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("override", "see"),
    [
        ("train.learning_rate=1e-4", lambda s: s.train.learning_rate == 1e-4),
        ("train.updates=3", lambda s: s.train.updates == 3),
        ("seeds=[3, 5]", lambda s: s.seeds.pairs == [(3, 3), (5, 5)]),
        ("seeds.training=[4]", lambda s: s.seeds.pairs == [(0, 4)]),
        ("sources[1].ability=logic", lambda s: s.sources[1].ability == "logic"),
        ("sources.code.ability=logic", lambda s: s.sources[1].ability == "logic"),
        ("designs.single.rows=32", lambda s: s.designs[0].options == {"rows": 32}),
        ("models[0]=tunnel:s", lambda s: s.models[0].path == "tunnel:s"),
        ("models.model=tunnel:s", lambda s: s.models[0].path == "tunnel:s"),
        ("train.clip=null", lambda s: s.train.clip is None),
        ("question=a=b", lambda s: s.question == "a=b"),
        ("train.betas[1]=0.95", lambda s: s.train.betas == (0.9, 0.95)),
    ],
)
def test_an_override_sets_what_its_dotted_name_says(
    override: str, see: Callable[[Any], bool], tmp_path: Path
) -> None:
    train = {**mini.BASE["train"], "betas": [0.9, 0.999]}
    assert see(load(mini.study(tmp_path, train=train), [override]))


def test_the_last_of_two_overrides_counts(tmp_path: Path) -> None:
    study = load(mini.study(tmp_path), ["train.updates=3", "train.updates=4"])
    assert study.train.updates == 4


def test_paths_in_the_file_start_from_the_file_and_overrides_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here/there").mkdir(parents=True)
    row = '{"prompt": "a", "completion": "%s"}\n'
    (tmp_path / "rows.jsonl").write_text(row % "beside the file")
    (tmp_path / "here/mine.jsonl").write_text(row % "beside the user")
    source = {"name": "math", "path": "rows.jsonl"}
    file = mini.study(tmp_path, sources=[source], designs=[{"name": "single", "rows": 1}])
    monkeypatch.chdir(tmp_path / "here")

    def reply(*overrides: str) -> str:
        rows = plan(load(file, overrides)).catalog.sources["math"][1]
        return rows.messages[0][-1]["content"]

    assert reply() == "beside the file"
    assert reply("sources.math.path=mine.jsonl") == "beside the user"
    assert reply("sources.math.path=*.jsonl") == "beside the user"
    assert reply("data=.", "sources.math.path=mine.jsonl") == "beside the user"
    (tmp_path / "here/there/rows.jsonl").write_text(row % "in the data folder")
    assert reply("data=there") == "in the data folder"


def test_a_study_extends_another_and_changes_only_what_it_names(tmp_path: Path) -> None:
    mini.study(tmp_path, file="base.yaml")
    mini.write(tmp_path, {"extends": "base.yaml", "name": "middle", "seeds": 2}, file="middle.yaml")
    top = mini.write(tmp_path, {"extends": "middle.yaml", "train": {"batch_size": 2}})
    study = load(top)
    assert (study.name, len(study.seeds.pairs)) == ("middle", 2)
    assert (study.train.batch_size, study.train.updates) == (2, 2)  # mappings are merged
    replaced = mini.write(tmp_path, {"extends": "base.yaml", "designs": [{"name": "together"}]})
    with pytest.raises(SpecError, match=r"designs\[0\]: give the amounts"):  # lists are replaced
        load(replaced)


def test_a_circle_of_extensions_is_refused_with_its_way(tmp_path: Path) -> None:
    mini.write(tmp_path, {"extends": "b.yaml"}, file="a.yaml")
    mini.write(tmp_path, {"extends": "a.yaml"}, file="b.yaml")
    with pytest.raises(SpecError, match=r"extends itself: a\.yaml -> b\.yaml"):
        load(tmp_path / "a.yaml")


def test_paths_of_an_extended_file_stay_true_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    row = '{"prompt": "a", "completion": "b"}\n'
    (tmp_path / "one/rows.jsonl").write_text(row)
    sources = [{"name": "math", "path": "rows.jsonl"}, {"name": "code", "path": "*.jsonl"}]
    designs = [{"name": "single", "rows": 1}]
    base = mini.study(tmp_path / "one", file="base.yaml", sources=sources, designs=designs)
    top = mini.write(tmp_path / "two", {"extends": "../one/base.yaml"})
    assert plan(load(top)).steps.keys() == plan(load(base)).steps.keys()


def test_a_shipped_study_can_be_extended_and_found_by_name(tmp_path: Path) -> None:
    study = load(mini.write(tmp_path, {"extends": "quickstart", "name": "mine", "seeds": 1}))
    assert (study.name, study.seeds.pairs) == ("mine", [(0, 0)])
    assert find("quickstart") == shipped()["quickstart"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("quickstrat", "neither a file nor a shipped study; there are .* mean 'quickstart'?"),
        ("gone.yaml", "no such file; `espalier init gone` writes a study to edit"),
        (".", "is a folder; name a study file in it"),
    ],
)
def test_a_study_that_is_not_there_is_refused_with_what_is(name: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        find(name)


HOUR = {"seeds": 2, "train": {"updates": 1}, "designs": [{"name": "single", "rows": 4}]}


def test_a_scale_is_laid_over_the_study_which_is_then_called_after_it(tmp_path: Path) -> None:
    file = mini.study(tmp_path, scales={"hour": HOUR, "night": {"seeds": 5}})
    as_it_is, hour, night = (load(file, given) for given in ((), ["scale=hour"], ["scale=night"]))
    assert (as_it_is.name, len(as_it_is.seeds.pairs), as_it_is.train.updates) == ("mini", 1, 2)
    assert (hour.name, len(hour.seeds.pairs), hour.train.updates) == ("mini-hour", 2, 1)
    assert hour.train.batch_size == as_it_is.train.batch_size
    assert (night.name, len(night.seeds.pairs)) == ("mini-night", 5)
    assert load(file, ["scale=hour", "seeds=1", "name=mine"]).name == "mine"


def test_scales_of_a_study_that_is_extended_are_there_and_keep_their_paths(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    own = {"sources": [{"name": "mine", "path": "rows.jsonl"}], "seeds": 2}
    mini.study(tmp_path / "below", scales={"hour": own})
    mini.write(
        tmp_path,
        {"extends": "below/study.yaml", "name": "top", "scales": {"hour": {"seeds": 3}}},
    )
    found = load(tmp_path / "study.yaml", ["scale=hour"])
    assert (found.name, len(found.seeds.pairs)) == ("top-hour", 3)
    assert found.sources[0].path == str(tmp_path / "below/rows.jsonl")


def test_a_variable_stands_for_its_value_in_every_text(tmp_path: Path) -> None:
    file = mini.study(
        tmp_path,
        variables={"world": 0},
        models=["tunnel:s?world=${world}"],
        sources=[{"name": "math", "path": "tunnel:math?world=${world}"}],
        abilities=[{"use": "tunnel:math", "world": "${world}"}],
        designs=[{"name": "single", "rows": 8}],
    )
    here, there = load(file), load(file, ["variables.world=7"])
    assert (here.name, there.name) == ("mini", "mini-world7")
    assert there.models[0].path == "tunnel:s?world=7"
    assert there.sources[0].path == "tunnel:math?world=7"
    assert there.abilities[0].options["world"] == 7  # a number, as it was given


def test_a_command_takes_a_scale_and_a_table_takes_none(tmp_path: Path, cli: Cli) -> None:
    file = mini.study(tmp_path, scales={"hour": HOUR})
    said = cli("plan", file, "--scale", "hour", "--json", "--store", tmp_path / "runs")
    assert json.loads(said.out)["study"] == "mini-hour"
    said = cli("analyze", file, "--scale", "day")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "no scale 'day'; there are hour" in said.err
    (tmp_path / "table.csv").write_text("model,strategy,amounts,ability,score\nm,x,{},a,1\n")
    said = cli("analyze", tmp_path / "table.csv", "--scale", "hour")
    assert "is a table, and --set and --scale change a study" in said.err
