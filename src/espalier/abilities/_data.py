"""Where an ability's data lies, and how its rows are read: strictly, for an exam has no bad rows.

Data is a local folder (the option `data`, or ESPALIER_DATA) or a data set of the Hugging Face hub
(`data: hf://datasets/OWNER/NAME[@REVISION]`).  An ability lists the places in which its file may
lie, its sources' own layout first; where none is there, one line says what to fetch, from where,
and where to put it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from espalier.errors import DataError, MissingError, SpecError, choices
from espalier.format import Record
from espalier.records import BadRow, records

Limit = Annotated[int, Field(ge=1)]
Shots = Annotated[int, Field(ge=0)]
T = TypeVar("T")

HUB = "hf://datasets/"


def find(what: str, places: Sequence[str], data: str | None, *, fetch: str) -> Path:
    """Return the first of `places` that is there: files, or folders, under the folder `data`.

    A place may end in `.jsonl` for `.jsonl.gz` too, and may hold `*`, for one file.  `fetch` says
    what to get and from where: "question.jsonl from github.com/lm-sys/FastChat".
    """
    found = find_all(what, places, data, fetch=fetch)
    return found[0]


def find_all(what: str, places: Sequence[str], data: str | None, *, fetch: str) -> list[Path]:
    """Return all files of the first of `places` that is there, sorted by name; see `find`."""
    given = data or os.environ.get("ESPALIER_DATA")
    where = "no folder is named"
    if given:
        folder = _folder(given, what)
        where = f"not in {given}" if folder.is_dir() else f"there is no folder {given}"
        for place in places:
            if found := sorted({*folder.glob(place), *folder.glob(f"{place}.gz")}):
                return found
    raise MissingError(
        f"{what}: {where}; fetch {fetch}, put it into DATA/{places[0]}, and name DATA by the "
        "ability's `data:` (a folder, or hf://datasets/OWNER/NAME) or by the environment variable "
        "ESPALIER_DATA"
    )


def rows(file: Path, read: Callable[[int, Record], T | None], *, welcome: str) -> list[T]:
    """Return what `read(number, record)` makes of every row; the number counts rows from 0.

    A row for which it gives None, or in which it misses a field, is refused, with `welcome` in
    words: an exam with a hole in it is another exam.
    """
    made: list[T] = []
    for number, (line, record) in enumerate(records(file)):
        if isinstance(record, str):
            raise DataError(str(BadRow(file=str(file), line=line, why=record)))
        try:
            one = read(number, record)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            one = None
        if one is None:
            raise DataError(str(BadRow(file=str(file), line=line, why=f"not {welcome}")))
        made.append(one)
    return made


def text(record: Record, *names: str) -> str:
    """Return the first of the fields that is there, as text; raise `KeyError` where none is."""
    for name in names:
        if isinstance(record.get(name), str):
            return str(record[name])
    raise KeyError(names[0])


def one_of(task: str | None, known: Sequence[str], *, what: str) -> list[str]:
    """Return the task alone, or all of them where none is named."""
    if task is None:
        return list(known)
    if task not in known:
        raise SpecError(f"{what}: no task '{task}'; {choices(task, known)}")
    return [task]


def every(items: Sequence[T], limit: int | None) -> tuple[T, ...]:
    """Return the first `limit` items, or all."""
    return tuple(items if limit is None else items[:limit])


def pick(values: Sequence[T], count: int, *, seed: int) -> Iterator[T]:
    """Yield `count` of the values in a fixed random order, the same on every machine."""

    def luck(place: int) -> bytes:
        return hashlib.sha256(f"{seed}/{place}".encode()).digest()

    for place in sorted(range(len(values)), key=luck)[:count]:
        yield values[place]


def _folder(data: str, what: str) -> Path:
    """Return the folder that `data` names, fetched from the hub where it lies there."""
    if not data.startswith(HUB):
        return Path(data).expanduser()
    name, _, revision = data.removeprefix(HUB).strip("/").partition("@")
    if name.count("/") != 1:
        raise SpecError(f"{what}: {data} is not of the form hf://datasets/OWNER/NAME[@REVISION]")
    return _snapshot(name, revision or None, data, what)


def _snapshot(name: str, revision: str | None, data: str, what: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingError(
            f"{what}: {data} needs huggingface_hub; install espalier[train], or fetch the data "
            "yourself and name its folder"
        ) from None
    try:
        return Path(snapshot_download(name, repo_type="dataset", revision=revision))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingError(
            f"{what}: {data} could not be fetched ({reason or type(error).__name__}); check the "
            "address and the network, or fetch the data yourself and name its folder"
        ) from None
