"""The published schema: current, and of one mind with the checker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import mini
from espalier.load import load, parse, shipped
from espalier.schema import schema

HERE = Path(__file__).parent
STUDIES = sorted((HERE.parent / "studies").glob("*.yaml"))
BROKEN: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(HERE / "broken/studies.yaml")


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    made = schema()
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def test_the_schema_in_docs_is_current() -> None:
    written = json.loads((HERE.parent / "docs/study.schema.json").read_text())
    assert written == schema(), "run `make docs`"


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_study_in_the_repository_loads_and_fits_the_schema(
    file: Path, validator: Draft202012Validator
) -> None:
    assert load(file).name == file.stem
    assert [error.message for error in validator.iter_errors(parse(file))] == []


def test_the_studies_in_the_repository_are_those_that_are_shipped() -> None:
    assert sorted(shipped()) == [file.stem for file in STUDIES]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"models": ["a", {"name": "b", "path": "b", "revision": "main"}]},
        {"seeds": 3},
        {"seeds": [0, 1]},
        {"seeds": {"training": [0, 1], "data": [0]}},
        {"strategies": ["multitask", {"name": "dmt", "general": "general", "k": ["1/4", 0.5]}]},
        {"strategies": [{"name": "sequential", "order": ["math", "code", "general"]}]},
        {"designs": [{"name": "single", "share": "1/4"}, {"name": "together", "tokens": [9]}]},
        {"designs": [{"name": "vary", "of": ["math"], "fixed": {"code": {"rows": 2}}, "rows": 3}]},
        {"abilities": ["gsm8k", {"use": "held_out", "source": "math", "role": "out"}]},
        {"stages": [{"updates": 3}, {"epochs": 1}], "measure": "every_stage", "base": False},
        {"protocols": ["epochs", {"name": "updates", "updates": 512}]},
        {"checkpoints": {"every": "epoch", "choose": {"split": "valid", "after": 5}}},
        {"checkpoints": {"every": 5}},
        {"scales": {"hour": {"seeds": 2, "train": {"epochs": 1}}}, "variables": {"world": 0}},
        {"extends": "quickstart", "data": "somewhere"},
    ],
)
def test_what_the_checker_takes_the_schema_takes(
    change: dict[str, Any], validator: Draft202012Validator
) -> None:
    given = {**mini.BASE, **change}
    assert [error.message for error in validator.iter_errors(given)] == []


@pytest.mark.parametrize(
    "case",
    [c for c in BROKEN if "no such field" in c["says"] and "change" in c],
    ids=lambda case: case["says"][:40],
)
def test_an_unknown_field_is_marked_in_the_editor_too(
    case: dict[str, Any], validator: Draft202012Validator
) -> None:
    assert not validator.is_valid({**mini.BASE, **case["change"]})
