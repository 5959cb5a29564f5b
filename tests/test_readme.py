"""What the README shows is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from espalier.cli import commands
from espalier.load import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_study_explained_is_the_quickstart(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "shown.yaml"
    file.write_text(shown)
    there = load(ROOT / "studies/quickstart.yaml")
    assert load(file).model_dump(exclude={"root"}) == there.model_dump(exclude={"root"})


def test_every_command_shown_exists() -> None:
    shown = set(re.findall(r"^espalier ([a-z]+)", README, re.MULTILINE))
    assert shown
    assert shown <= {name.removesuffix("_") for name in commands}


def test_every_file_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_tree_names_folders_that_exist() -> None:
    tree = README[README.index("src/espalier/\n") :]
    for folder in re.findall(r"^  ([a-z]+)/ ", tree, re.MULTILINE):
        assert (ROOT / "src/espalier" / folder).is_dir(), folder
