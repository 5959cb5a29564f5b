"""A user's own ability, in one YAML or one Python file: `own:my_ability.yaml`.

A YAML file names rows and templates (`abilities/_sheet.py`); a Python file has a function
`ability(**options)` that returns an `Ability`, and is run as it is, with all that its author may
do.  A file of rows (`own:items.jsonl`) is an ability, too: each row an item.  What is asked and
graded against enters the keys, and so does the content of a Python scorer; where they lie does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from espalier.abilities._data import Limit, every
from espalier.abilities._sheet import items_of, own_scorer, read_sheet, scorers_of
from espalier.ability import Ability, Item, Use
from espalier.errors import EspalierError, SpecError
from espalier.shelf import failure_in, from_file


def own(
    *,
    file: str,
    options: Mapping[str, Any] | None = None,
    limit: Limit | None = None,
    name: str | None = None,
) -> Ability:
    """Read the ability in `file`; `options` go to the function of a Python file.

    Raises `SpecError` for a file that says something else, `DataError` for a row that is no item.
    """
    path = Path(file).expanduser()
    made = _python(path, options or {}) if path.suffix == ".py" else _sheet(path, options)
    return replace(made, name=name or path.stem, items=every(made.items, limit))


def _sheet(path: Path, options: Mapping[str, Any] | None) -> Ability:
    if options:
        raise SpecError(f"{path}: `options` go to a Python file; a YAML file says it all itself")
    sheet = read_sheet(path)
    items = tuple(items_of(sheet, path))
    return Ability(
        name=path.stem,
        items=items,
        scorers=scorers_of(sheet, items, path.parent),
        role=sheet.role,
        suite=sheet.suite or path.stem,
        max_new_tokens=sheet.max_new_tokens,
        stop=sheet.stop,
        samples=sheet.samples,
    )


def _python(path: Path, options: Mapping[str, Any]) -> Ability:
    make = from_file(path, "ability")
    try:
        made = make(**options)
    except EspalierError:
        raise
    except Exception as error:  # whatever a stranger's code raises is told with its line
        raise failure_in(path, "ability", error) from None
    if not isinstance(made, Ability) or not all(isinstance(i, Item) for i in made.items):
        raise SpecError(f"{path}: ability() must return an Ability whose items are Items")
    return replace(made, scorers=tuple(_scorer(use, path) for use in made.scorers))


def _scorer(use: Use, path: Path) -> Use:
    """Let a scorer `own` without a file be one of the ability's own file."""
    if use.scorer != "own":
        return use
    given = {**use.options, **use.means}
    return own_scorer(path.parent / given.pop("file", path.name), given)
