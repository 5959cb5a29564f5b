"""The house's own laws: which way imports go, where torch may be met, what a shelf is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src/espalier"
FILES = sorted(SRC.rglob("*.py"))

LAYERS = (
    {"cli"},
    {"commands"},
    {"interop"},
    {"adaptive", "outputs", "schema"},
    {"verify"},
    {"report"},
    {"recommend"},
    {"analysis"},
    {"collect", "probed", "finding", "forecast", "recommendation"},
    {"plan", "load", "progress", "results"},
    {"looks"},
    {"distract", "catalog", "run", "work"},
    {"study", "steps", "corruption"},
    {"designs", "strategies", "abilities", "scorers", "formats", "backends", "executors"},
    {"source", "scoring", "model", "judging", "sandboxes"},
    {"tunnel"},
    {"base", "chat", "harness", "records"},
    {"format", "backend"},
    {"ability", "strategy", "design", "executor", "sandbox"},
    {"mixture", "recipe", "store", "probe", "separation"},
    {"step", "shelf", "spec", "files"},
    {"errors", "memory"},
    {"__init__", "__version__"},
)
"""Modules and folders from the top of the house to its ground: each line sees those below it."""

DEPTH = {name: depth for depth, names in enumerate(LAYERS) for name in names}

SHELVES = (
    *("abilities", "analysis", "backends", "commands", "designs", "executors", "formats"),
    *("sandboxes", "scorers", "strategies", "tunnel/tasks"),
)
HEAVY = {"torch", "transformers", "safetensors", "peft", "vllm", "trl"}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file: Path) -> Iterator[str]:
    """Yield what a file imports when it runs, in functions too, but not for types alone."""
    todo: list[ast.AST] = [tree(file)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            todo += ast.iter_child_nodes(node)


def unit(file: Path) -> str:
    first = file.relative_to(SRC).parts[0]
    return first.removesuffix(".py")


def items(shelf: str) -> list[Path]:
    return [file for file in sorted((SRC / shelf).glob("*.py")) if not file.name.startswith("_")]


def test_every_module_has_its_place_in_the_house() -> None:
    assert {unit(file) for file in FILES} <= set(DEPTH)
    assert set(DEPTH) - {unit(file) for file in FILES} == {"__version__"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SRC)))
def test_imports_go_one_way(file: Path) -> None:
    here = unit(file)
    for name in imports(file):
        if name.startswith("espalier."):
            there = name.split(".")[1]
            assert there == here or DEPTH[there] > DEPTH[here], f"{here} imports {name}"


def test_analysis_and_report_see_the_table_only() -> None:
    allowed = {"analysis", "errors", "files", "finding", "report", "results", "shelf", "spec"}
    allowed |= {"recommendation"}
    for folder in ("analysis", "report"):
        for file in (SRC / folder).rglob("*.py"):
            met = {name.split(".")[1] for name in imports(file) if name.startswith("espalier.")}
            assert met <= allowed, file


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SRC)))
def test_torch_is_met_only_where_models_run(file: Path) -> None:
    if unit(file) not in ("backends", "executors", "base"):
        met = {name.partition(".")[0] for name in imports(file)}
        assert not met & HEAVY


@pytest.mark.parametrize("shelf", SHELVES)
def test_items_of_a_shelf_do_not_know_each_other(shelf: str) -> None:
    package = f"espalier.{shelf.replace('/', '.')}."
    names = {file.stem for file in items(shelf)}
    assert names
    for file in items(shelf):
        met = {n.removeprefix(package).split(".")[0] for n in imports(file) if package in n}
        assert not met & names, file


@pytest.mark.parametrize(
    "file",
    [file for shelf in SHELVES for file in items(shelf)],
    ids=lambda f: f"{f.parent.name}/{f.name}",
)
def test_a_file_on_a_shelf_defines_what_it_is_called_by(file: Path) -> None:
    defined = set()
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    assert file.stem in defined


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SRC)))
def test_what_is_public_says_what_it_is_for(file: Path) -> None:
    silent = [name for name, node in public(tree(file), file.name) if not ast.get_docstring(node)]
    assert silent == []


def public(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield a module or class and everything public in it."""
    yield name, node
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            if isinstance(child, kinds) and not child.name.startswith("_"):
                yield from public(child, f"{name}: {child.name}")


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    told = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|mnt|tmp)/[\w.]")
    folders = ("src", "tests", "bench", "docs", "studies", ".github")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*")]
    files += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.txt"), ROOT / "Makefile"]
    kinds = {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".json", ".jsonl", ".css", ".html", ""}
    for file in files:
        if file.is_file() and file.suffix in kinds and "__pycache__" not in file.parts:
            found = told.search(file.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{file.relative_to(ROOT)}: {found}"
