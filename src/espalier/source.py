"""A source: training conversations under a name, read, digested and put in a drawing order.

    path --files--> records --format--> rows --order--> the first n rows are the n-row subset

What a source *is*, is what its usable rows say: the digest covers their content and nothing else,
so the same rows as CSV or Parquet, here or there, are the same source.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from espalier.ability import Message
from espalier.errors import DataError, MissingError, SpecError, choices
from espalier.format import Format, formats, rename
from espalier.records import BadRow, Row, find, records
from espalier.spec import Share, Spec

_LOOKED_AT = 100
"""How many records are looked at to tell the format."""

_TUNNEL_ROWS = 4096
"""How many rows a tunnel source has unless its address says `rows=`."""


class Source(Spec):
    """Where training conversations come from, and how they are read."""

    name: str = Field(pattern=r"^[\w.+-]+$", description="letters, digits and . _ + -")
    path: str = Field(
        min_length=1,
        exclude=True,
        description="file, folder, pattern such as x/*.jsonl, tunnel:TASK, or "
        "hf://datasets/OWNER/NAME/FILE; relative paths start from the study file",
    )
    ability: str = Field("", description="what the rows teach; default: the source's name")
    origin: str = Field("human", description="who wrote the replies: human, synthetic, user, ...")
    format: str | None = Field(None, description="default: told apart by looking")
    columns: dict[str, str] = Field(
        {}, description="the format's word for a column -> the file's, as {prompt: question}"
    )
    hold_out: Annotated[int, Field(ge=0)] = Field(
        0, description="rows kept apart for measuring, the same for every seed"
    )
    bad_rows: Share = Field(
        Fraction(1, 100), description="the largest share of rows that may be unusable"
    )

    @model_validator(mode="before")
    @classmethod
    def _teaches_its_name(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and not given.get("ability") and "name" in given:
            return {**given, "ability": given["name"]}
        return given

    @field_validator("bad_rows")
    @classmethod
    def _is_share(cls, share: Fraction) -> Fraction:
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is not between 0 and 1")
        return share

    @field_validator("format")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in formats:
            raise ValueError(f"no format '{name}'; {choices(name, formats)}")
        return name

    @model_validator(mode="after")
    def _columns_fit(self) -> Source:
        words = {word for name in _candidates(self.format) for word in formats[name].columns}
        for word in self.columns:
            if word not in words:
                raise ValueError(f"columns: no format has a '{word}'; {choices(word, words)}")
        return self


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The usable rows of a source."""

    messages: Sequence[tuple[Message, ...]]
    digest: str
    """sha256 over the content of the usable rows, in their order."""
    bad: tuple[BadRow, ...] = ()
    """The rows that cannot be used, with file, line and reason."""


def read(source: Source, root: Path) -> Rows:
    """Read `source`; relative paths start from `root`, the study file's folder.

    Read once in a process, as long as the files stay the same.  Raises `DataError` where more
    than `bad_rows` of the rows cannot be used or no format fits, `MissingError` where there is
    nothing to read.
    """
    scheme, _, rest = source.path.partition(":")
    try:
        if scheme == "tunnel":
            return _tunnel(rest)
        files = [_fetch(source.path)] if scheme == "hf" else find(source.path, root)
        stamps = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        rows = _read(stamps, source.format, tuple(sorted(source.columns.items())))
    except (DataError, MissingError, SpecError) as error:
        raise type(error)(f"source '{source.name}': {error}") from None
    _check(source, rows)
    return rows


def order(rows: int, *, name: str, seed: int, hold_out: int = 0) -> NDArray[np.int64]:
    """Return the row numbers of a source in drawing order: its first n are the n-row subset.

    So less is always contained in more.  Held-out rows are never in it.
    """
    apart = held_out(rows, name=name, hold_out=hold_out)
    shuffled = _shuffled(rows, f"{name}\n{seed}")
    return shuffled[~np.isin(shuffled, apart)]


def held_out(rows: int, *, name: str, hold_out: int) -> NDArray[np.int64]:
    """Return the numbers of the rows kept apart for measuring, the same for every seed."""
    if hold_out > rows:
        raise DataError(f"source '{name}': hold_out is {hold_out}, but it has {rows} rows")
    return _shuffled(rows, f"{name}\nheld out")[:hold_out]


def _shuffled(rows: int, key: str) -> NDArray[np.int64]:
    """Return a permutation that is the same in every version of NumPy.

    NumPy keeps the raw stream of a bit generator stable, which it does not promise for its
    `permutation`; so the rows are sorted by raw random numbers.
    """
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest())
    return np.argsort(np.random.PCG64(seed).random_raw(rows), kind="stable").astype(np.int64)


@lru_cache(maxsize=64)
def _read(
    stamps: tuple[tuple[Path, int, int], ...],
    name: str | None,
    columns: tuple[tuple[str, str], ...],
) -> Rows:
    """Read files.  Their time and size stand in the key, so that a changed file is read again."""
    words = dict(columns)
    files = [file for file, _, _ in stamps]
    name = name or _tell(_records(files), words)
    good, bad = _sort(_records(files), formats[name], words)
    return Rows(messages=good, digest=_digest(good), bad=tuple(bad))


def _records(files: Iterable[Path]) -> Iterator[tuple[Path, Row]]:
    return ((file, row) for file in files for row in records(file))


def _sort(
    rows: Iterable[tuple[Path, Row]], form: Format, columns: Mapping[str, str]
) -> tuple[list[tuple[Message, ...]], list[BadRow]]:
    """Part the usable rows from the bad ones."""
    good, bad = [], []
    for file, (line, record) in rows:
        if isinstance(record, str):
            bad.append(BadRow(file=str(file), line=line, why=record))
            continue
        try:
            good.append(form.read(record, columns))
        except DataError as error:
            bad.append(BadRow(file=str(file), line=line, why=str(error)))
    return good, bad


def _tell(rows: Iterable[tuple[Path, Row]], columns: Mapping[str, str]) -> str:
    """Tell the format by looking at the first records, or refuse."""
    found: dict[str, BadRow] = {}
    seen: dict[str, Path] = {}
    anything: BadRow | None = None
    for file, (line, record) in islice(rows, _LOOKED_AT):
        if isinstance(record, str):
            anything = anything or BadRow(file=str(file), line=line, why=record)
            continue
        seen |= dict.fromkeys(record, file)
        for name in _candidates(None):
            if formats[name].matches(rename(record, columns)):
                found.setdefault(name, BadRow(file=str(file), line=line, why=name))
    if len(found) == 1:
        return next(iter(found))
    if found:
        *_, other = found.values()
        raise DataError(
            f"the rows look like {' and '.join(found)} ({other}); "
            "name one with `format:`, or make each a source of its own"
        )
    if not seen:
        raise DataError(f"not one usable row ({anything})" if anything else "there are no rows")
    known = "; ".join(f"{name} ({', '.join(formats[name].columns)})" for name in formats)
    raise DataError(
        f"no format fits the columns {', '.join(seen)} of {next(iter(seen.values()))}; there are "
        f"{known}; say which is which with `columns:`, as {{prompt: question, completion: reply}}"
    )


def _candidates(name: str | None) -> tuple[str, ...]:
    return tuple(formats) if name is None else (name,)


def _check(source: Source, rows: Rows) -> None:
    """Refuse a source with too many bad rows."""
    bad, total = len(rows.bad), len(rows.bad) + len(rows.messages)
    if not rows.messages:
        first = f" (first: {rows.bad[0]})" if rows.bad else ""
        raise DataError(f"source '{source.name}': not one usable row{first}")
    if bad > source.bad_rows * total:
        raise DataError(
            f"source '{source.name}': {bad} of {total} rows cannot be used, more than "
            f"{float(source.bad_rows):.2%} (first: {rows.bad[0]}); mend them, or allow more with "
            "`bad_rows:`"
        )


def _digest(messages: Iterable[tuple[Message, ...]]) -> str:
    """Hash the rows as canonical JSON lines."""
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
    digest = hashlib.sha256()
    for row in messages:
        digest.update(encode(row).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _fetch(address: str) -> Path:
    """Fetch `hf://datasets/OWNER/NAME[@REVISION]/FILE`, or find it where it was fetched before."""
    kind, *parts = address.removeprefix("hf://").split("/", 3)
    if kind != "datasets" or len(parts) < 3 or not all(parts):
        raise SpecError(f"{address} is not of the form hf://datasets/OWNER/NAME/FILE")
    owner, name, file = parts
    name, _, revision = name.partition("@")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise MissingError(
            f"{address} needs huggingface_hub; install espalier[train], or fetch the file yourself"
        ) from None
    try:
        return Path(
            hf_hub_download(f"{owner}/{name}", file, repo_type="dataset", revision=revision or None)
        )
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingError(
            f"{address} could not be fetched ({reason or type(error).__name__}); "
            "check the address and the network, or fetch the file yourself and give its path"
        ) from None


@lru_cache(maxsize=64)
def _tunnel(address: str) -> Rows:
    """Make the rows of `TASK?option=value&...`, the tunnel's own."""
    from espalier import tunnel

    task, _, query = address.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    options = _options(tunnel.addressed, {"rows": str(_TUNNEL_ROWS)} | given)
    if options["rows"] < 1:
        raise SpecError(f"rows={options['rows']}: there must be at least one row")
    rows = tunnel.addressed(task, **options)
    return Rows(messages=rows, digest=_digest(rows))


def _options(function: Any, given: Mapping[str, str]) -> dict[str, Any]:
    """Return options out of an address as the types that `function` declares."""
    declared = get_type_hints(function)
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    options = {}
    for name, value in given.items():
        if name not in known:
            raise SpecError(f"no option '{name}'; {choices(name, known)}")
        try:
            options[name] = TypeAdapter(declared[name]).validate_strings(value)
        except ValidationError as error:
            raise SpecError(f"{name}={value}: {error.errors()[0]['msg']}") from None
    return options
