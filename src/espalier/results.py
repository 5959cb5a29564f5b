"""The results table: one row for each (checkpoint, ability, metric), the contract of both halves.

Whatever was trained, here or elsewhere, ends in this table, and analysis reads nothing else.  The
one thing to understand: defaults are filled and everything impossible is refused here, in one line
that names the row (the first under the header is 1), the column, the value and what would be
welcome; so the rest of the house computes on columns that are typed, complete and sane.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from espalier.errors import DataError, MissingError, choices
from espalier.spec import Spec

Kind = Literal["text", "number", "integer", "bool"]

COLUMNS: Mapping[str, Kind] = {
    "model": "text",
    "parameters": "number",
    "strategy": "text",
    "k": "number",
    "design": "text",
    "stage": "integer",
    "stages": "integer",
    "amounts": "text",
    "epoch": "number",
    "protocol": "text",
    "updates": "integer",
    "tokens": "integer",
    "seed": "integer",
    "data_seed": "integer",
    "ability": "text",
    "role": "text",
    "split": "text",
    "suite": "text",
    "metric": "text",
    "score": "number",
    "stderr": "number",
    "n": "integer",
    "chance": "number",
    "higher_is_better": "bool",
    "key": "text",
}
"""Every column in the order it is written, with what it holds."""

REQUIRED = ("model", "strategy", "amounts", "ability", "score")
ROWS_WELCOME = 'write rows of each source, such as {"math": 430, "code": 78}'
UNTUNED = f"{ROWS_WELCOME}, or {{}} for the untuned base"
SETS: Mapping[str, tuple[str, ...]] = {
    "protocol": ("epochs", "updates"),
    "role": ("in", "out"),
    "split": ("test", "valid"),
}
EMPTY = ("", "nan", "NaN", "NA", "N/A", "null", "None", "none")
TRUE, FALSE = ("true", "t", "yes", "1", "1.0"), ("false", "f", "no", "0", "0.0")
SHARE_LIKE = re.compile(r"acc|exact|^em$|pass|share|distract|choice|^f1$|correct", re.IGNORECASE)
LARGEST = 1e15
"""No score, count or size is larger: what is, is a slip or another unit."""


AGAIN = "they count as one run, by their mean; replicates are told apart by `seed`"
RUN = (
    *("model", "strategy", "k", "stage", "stages", "mixture", "epoch", "protocol"),
    *("seed", "data_seed", "ability", "suite", "metric", "split"),
)
"""What tells one measurement of a run from another."""


class Origin(Spec):
    """What a source teaches and who wrote it."""

    name: str
    ability: str
    origin: str = "human"


class Open(Spec):
    """A question that an adaptive run left open: an effect on it is not to be told.

    The run writes it into the sidecar, or whoever analyses its table later would tell more than
    the run itself did.
    """

    kind: str
    ability: str
    model: str
    metric: str
    suite: str = ""
    about: str = ""
    """The source or strategy it is about, where the kind has one."""
    protocol: str = "epochs"
    sure: float
    """The share of forecasts of the full grid that say what the table says."""
    expected: str = ""
    """What most of the forecasts say."""
    likely: float = 0.0
    """The share of the forecasts that say so."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that can be used: every column of `COLUMNS`, typed, plus `row` and `mixture`.

    `mixture` is a place in `mixtures`, where each distinct `amounts` is parsed once.
    """

    frame: pd.DataFrame
    mixtures: tuple[Mapping[str, int], ...]
    sources: Mapping[str, Origin]
    items: pd.DataFrame | None = None
    """Columns `key`, `item`, `score`, and `chance` and `cluster` where they were given."""
    left_out: tuple[Mapping[str, Any], ...] = field(default=())
    probes: pd.DataFrame | None = None
    """Measures of hidden states beside the table, replicates pooled; see `probed`."""

    open: tuple[Open, ...] = ()
    """What the adaptive run that made the table left open."""

    @cached_property
    def amounts(self) -> tuple[tuple[tuple[str, int], ...], ...]:
        """Return each of `mixtures` as pairs in order of its sources."""
        return tuple(tuple(sorted(mixture.items())) for mixture in self.mixtures)


def read(path: Path, sources: Path | None = None, items: Path | None = None) -> Table:
    """Read a table (`.csv` or `.parquet`), fill its defaults and refuse what cannot be true.

    `sources` is the YAML sidecar, `items` the per-item scores.  Raises `DataError` or
    `MissingError`, one line each.
    """
    origins = read_sources(sources) if sources else ()
    raw = _load(Path(path))
    per_item = _load(Path(items)) if items else None
    table = tidy(
        raw,
        sources=origins,
        items=per_item,
        where=str(path),
        items_where=str(items),
        sidecar=sources is not None,
    )
    return replace(table, open=read_open(sources)) if sources else table


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` with the columns of the contract in their order; equal frames, equal bytes.

    The file appears whole or not at all.
    """
    path = Path(path)
    known = [name for name in COLUMNS if name in frame]
    frame = frame[known + sorted(str(name) for name in frame if name not in COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as scratch:
        try:
            if _ending(path) == ".csv":
                text = frame.to_csv(index=False, lineterminator="\n")
                scratch.write(text.encode())
            else:
                table = pa.Table.from_pandas(frame, preserve_index=False)
                pa_parquet.write_table(table.replace_schema_metadata(None), scratch)
            scratch.close()
            Path(scratch.name).chmod(0o644)
            Path(scratch.name).replace(path)
        except BaseException:
            Path(scratch.name).unlink(missing_ok=True)
            raise


def read_sources(path: Path) -> tuple[Origin, ...]:
    """Read a sidecar: `sources: [{name, ability, origin}]`; a study file will do as well."""
    entries = _sidecar(path).get("sources")
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{path}: sources: write a list such as [{{name: a, ability: math}}]")
    found: dict[str, Origin] = {}
    for place, entry in enumerate(entries):
        origin = _origin(entry, f"{path}: sources[{place}]")
        if origin.name in found:
            raise DataError(f"{path}: sources[{place}].name: '{origin.name}' is there twice")
        found[origin.name] = origin
    return tuple(found.values())


def read_open(path: Path) -> tuple[Open, ...]:
    """Read from a sidecar what the adaptive run that wrote it left open, under `open`."""
    entries = _sidecar(path).get("open") or ()
    try:
        return tuple(Open.model_validate(entry) for entry in entries)
    except (TypeError, ValidationError):
        raise DataError(
            f"{path}: open: is no list of questions as an adaptive run writes it"
        ) from None


def _sidecar(path: Path) -> Mapping[str, Any]:
    """Return what a sidecar says; nothing where it is no mapping."""
    if not path.is_file():
        raise MissingError(f"{path}: there is no such file; --sources takes a YAML file")
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: is not YAML: {reason[:200]}") from None
    return content if isinstance(content, dict) else {}


def _origin(entry: Any, where: str) -> Origin:
    """Return one entry of the sidecar; what a study file says beyond it is passed over."""
    elsewhere = {"path", "format", "columns", "hold_out", "bad_rows"}
    if not isinstance(entry, dict) or "name" not in entry:
        raise DataError(f"{where}: write {{name: ..., ability: ..., origin: human}}")
    for name in entry.keys() - elsewhere - set(Origin.model_fields):
        raise DataError(f"{where}: no field '{name}'; {choices(str(name), Origin.model_fields)}")
    plain = {n: v for n, v in entry.items() if n in Origin.model_fields}
    try:
        return Origin(**{"ability": plain["name"], **plain})
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(
            f"{where}.{first['loc'][0]}: {first['input']!r} will not do; write a word"
        ) from None


def tidy(
    frame: pd.DataFrame,
    *,
    sources: Sequence[Origin] = (),
    items: pd.DataFrame | None = None,
    where: str = "table",
    items_where: str = "items",
    sidecar: bool = False,
) -> Table:
    """Return `frame` as a `Table`: defaults filled, impossible values refused.

    `where` names the table in refusals.  With `sidecar`, a source that neither `sources` nor a
    measured ability names is refused, since it is most likely misspelt.
    """
    check = _Check(where)
    frame = frame.reset_index(drop=True)
    extra = _columns(frame, check)
    if not len(frame):
        raise DataError(f"{where}: no rows under the header; write one row for each score")
    table = pd.DataFrame({"row": np.arange(1, len(frame) + 1)})
    for name, kind in COLUMNS.items():
        table[name] = _read_column(frame.get(name), name, kind, check)
    for name in REQUIRED:
        if name != "score":
            welcome = UNTUNED if name == "amounts" else "write a name; it is required"
            check.no(table[name] == "", name, table[name], welcome)
    codes, mixtures = _mixtures(table["amounts"], check)
    known = _sources(mixtures, codes, sources, set(table["ability"]), check, sidecar=sidecar)
    table["mixture"] = codes
    _fill(table, mixtures, known, check)
    _ranges(table, check)
    _consistent(table, check)
    per_item = _items(items, items_where) if items is not None else None
    if per_item is not None and len(per_item):
        _agree(table, per_item, items_where)
        table["chance"] = table["chance"].fillna(_chances(table, per_item))
    _units(table, check)
    table["design"] = table["design"].where(
        table["design"] != "", np.array(designs(mixtures), dtype=object)[codes]
    )
    left_out = [
        {"what": f"column '{name}'", "why": "the table has no such column", "rows": []}
        for name in extra
    ]
    unscored = table["score"].isna()
    if unscored.any():
        rows = table.loc[unscored, "row"].tolist()
        left_out.append({"what": "rows without a score", "why": "unscored", "rows": rows})
    again = table.loc[_again(table), "row"].tolist()
    if again:
        left_out.append({"what": "rows of one run, there again", "why": AGAIN, "rows": again})
    return Table(
        frame=table,
        mixtures=mixtures,
        sources=known,
        items=per_item,
        left_out=tuple(left_out),
    )


def _again(table: pd.DataFrame) -> pd.Series:
    """Say of each scored row whether an earlier one is of the same run, and was asked apart."""
    untuned = table["stage"] == 0
    runs = table[[*RUN, "key"]].assign(
        strategy=table["strategy"].mask(untuned, ""),
        mixture=table["mixture"].mask(untuned, -1),
    )
    runs = runs[table["score"].notna()]
    runs = runs[~runs.duplicated()]
    return runs.duplicated([*RUN]).reindex(table.index, fill_value=False)


# --- files ----------------------------------------------------------------------------------


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise DataError(f"{path}: ends in '{ending}'; a table ends in .csv or .parquet")
    return ending


def _load(path: Path) -> pd.DataFrame:
    """Return the file's columns, those of a CSV as text."""
    ending = _ending(path)
    if not path.is_file():
        raise MissingError(f"{path}: there is no such file")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty; its first line names the columns")
    try:
        if ending == ".parquet":
            return _from_arrow(pa_parquet.read_table(path))
        with path.open("rb") as start:
            head = start.read(65536)
        if b"\0" in head:
            raise DataError(f"{path}: is not text; a CSV is UTF-8 text separated by commas")
        first = head.decode("utf-8-sig", errors="replace").splitlines()[0]
        for mark, word in ((";", "semicolons"), ("\t", "tabs")):
            if mark in first and "," not in first:
                raise DataError(f"{path}: row 0, the header: separated by {word}; use commas")
        names = [column.strip() for column in pd.read_csv(path, nrows=0).columns]
        raw_names = next(iter(pd.read_csv(path, nrows=1, header=None, dtype=str).to_numpy()))
        for name in raw_names:
            if list(raw_names).count(name) > 1:
                raise DataError(f"{path}: column '{name}' is there twice; keep one")
        table = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: cannot be read as {ending[1:]}: {reason}") from None
    return _from_arrow(table)


def _from_arrow(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _columns(frame: pd.DataFrame, check: _Check) -> list[str]:
    """Return the columns that are none of ours; refuse those that are ours misspelt."""
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{check.where}: column '{name}' is there twice; keep one")
    extra = [name for name in names if name not in COLUMNS]
    for name in extra:
        near = get_close_matches(name.strip().lower(), COLUMNS, n=1, cutoff=0.75)
        if near and near[0] not in names:
            raise DataError(
                f"{check.where}: row 0, the header: no column '{name}'. Did you mean '{near[0]}'?"
            )
    for name in REQUIRED:
        if name not in names:
            raise DataError(
                f"{check.where}: row 0, the header: column '{name}' is missing; "
                f"required are {', '.join(REQUIRED)}"
            )
    return extra


# --- values ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Check:
    """Refuses the first row where something is so."""

    where: str

    def no(self, bad: Any, column: str, values: Any, welcome: str) -> None:
        """Refuse the first row where `bad` is true, showing its value."""
        places = np.flatnonzero(np.asarray(bad, dtype=bool))
        if len(places):
            self.refuse(int(places[0]), column, pd.Series(values).iloc[int(places[0])], welcome)

    def refuse(self, place: int, column: str, value: Any, welcome: str) -> NoReturn:
        """Refuse the value at a place (from 0) of a column."""
        value = value.item() if hasattr(value, "item") else value
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        raise DataError(f"{self.where}: row {place + 1}, column '{column}': {shown}; {welcome}")


def _read_column(values: pd.Series | None, name: str, kind: Kind, check: _Check) -> Any:
    """Return a column in its type: text with "" for empty, numbers with NaN, bools with None."""
    if kind == "text":
        return _text(values, name, check)
    if kind == "bool":
        return True if values is None else _bools(values, name, check)
    if values is None:
        return np.nan
    numbers = _numbers(values, name, check)
    if kind == "integer":
        fraction = numbers.notna() & (numbers != numbers.round())
        check.no(fraction, name, numbers, "write a whole number")
    return numbers


def _text(values: pd.Series | None, name: str, check: _Check) -> Any:
    if values is None:
        return ""
    sample = values.dropna().head(1)
    if len(sample) and isinstance(sample.iloc[0], dict | list | np.ndarray):
        check.refuse(int(sample.index[0]), name, sample.iloc[0], "write it as text (JSON)")
    text = values.astype("str").str.strip()
    return text.mask(values.isna() | text.isin(EMPTY), "") if name != "strategy" else text


def _numbers(values: pd.Series, name: str, check: _Check) -> pd.Series:
    """Return finite numbers, NaN where the cell is empty."""
    if values.dtype == bool:
        check.refuse(0, name, bool(values.iloc[0]), "write a number")
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("float64")
    else:
        # Each distinct word is parsed once: a million rows have few.
        codes, distinct = pd.factorize(values.astype("str"), use_na_sentinel=False)
        words = pd.Series(distinct).str.strip()
        empty = words.isna() | words.isin(EMPTY)
        parsed = pd.to_numeric(words.mask(empty, ""), errors="coerce").astype("float64")
        numbers = parsed.take(codes)
        bad = (parsed.isna() & ~empty).to_numpy()[codes]
        example = "a whole number" if COLUMNS.get(name) == "integer" else "a number such as 0.25"
        check.no(bad, name, values, f"write {example}, or nothing{_hint(name)}")
    numbers = pd.Series(numbers.to_numpy(dtype="float64", na_value=np.nan))
    check.no(np.isinf(numbers), name, values, "write a finite number, or nothing")
    check.no(numbers.abs() > LARGEST, name, values, f"no {name} is beyond {LARGEST:g}")
    return numbers


def _hint(name: str) -> str:
    return {
        "score": " for unscored",
        "parameters": "; 7 billion is 7000000000 or 7e9",
    }.get(name, "")


def _bools(values: pd.Series, name: str, check: _Check) -> pd.Series:
    text = values.astype("str").str.strip().str.lower()
    empty = values.isna() | text.isin([e.lower() for e in EMPTY])
    truth, falsehood = text.isin(TRUE), text.isin(FALSE)
    check.no(~(truth | falsehood | empty), name, values, "write true or false")
    return truth | empty


def _mixtures(texts: pd.Series, check: _Check) -> tuple[Any, tuple[Mapping[str, int], ...]]:
    """Parse each distinct text of `amounts` once: places for the rows, and the mixtures."""
    codes, distinct = pd.factorize(texts)
    places: dict[tuple[tuple[str, int], ...], int] = {}
    new = np.empty(len(distinct), dtype=np.int64)
    for code, text in enumerate(distinct):
        try:
            mixture = _amounts(str(text))
        except ValueError as error:
            place = int(np.argmax(codes == code))
            check.refuse(place, "amounts", str(text), str(error))
        new[code] = places.setdefault(tuple(sorted(mixture.items())), len(places))
    return new[codes], tuple(dict(mixture) for mixture in places)


def _amounts(text: str) -> dict[str, int]:
    """Return source -> rows without the zeros; raise ValueError with what would be welcome."""
    welcome = ROWS_WELCOME
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise ValueError(f"is not JSON; {welcome}") from None
    if not isinstance(pairs, _Pairs):
        raise ValueError(f"is not a JSON object; {welcome}")
    mixture: dict[str, int] = {}
    for name, rows in pairs:
        if not name.strip():
            raise ValueError(f"has a source without a name; {welcome}")
        if name in mixture:
            raise ValueError(f"names '{name}' twice; {welcome}")
        if isinstance(rows, bool) or not isinstance(rows, int | float):
            raise ValueError(f"'{name}' has no number of rows; {welcome}")
        if not (math.isfinite(rows) and 0 <= rows <= LARGEST and rows == int(rows)):
            raise ValueError(f"'{name}' is not a whole number of rows from 0 up; {welcome}")
        mixture[name] = int(rows)
    return {name: rows for name, rows in mixture.items() if rows}


class _Pairs(list[tuple[str, Any]]):
    """A JSON object before its doubles are lost."""


def _sources(
    mixtures: Iterable[Mapping[str, int]],
    codes: Any,
    given: Sequence[Origin],
    abilities: set[str],
    check: _Check,
    *,
    sidecar: bool,
) -> Mapping[str, Origin]:
    """Return every source of the table; by default it teaches the ability of its own name."""
    known = {origin.name: origin for origin in given}
    for code, mixture in enumerate(mixtures):
        for name in mixture:
            if sidecar and name not in known and name not in abilities:
                place = int(np.argmax(codes == code))
                welcome = f"no source '{name}' in the sidecar; {choices(name, known)}"
                check.refuse(place, "amounts", dict(mixture), welcome)
            known.setdefault(name, Origin(name=name, ability=name))
    return known


# --- defaults and limits --------------------------------------------------------------------


def _fill(
    table: pd.DataFrame,
    mixtures: Sequence[Mapping[str, int]],
    sources: Mapping[str, Origin],
    check: _Check,
) -> None:
    """Fill every default of the contract, in place."""
    trained = {sources[name].ability for mixture in mixtures for name in mixture}
    trained |= {origin.ability for origin in sources.values()}
    for name, default in (("protocol", "epochs"), ("split", "test"), ("metric", "score")):
        table[name] = table[name].mask(table[name] == "", default)
    role = table["ability"].isin(trained).map({True: "in", False: "out"})
    table["role"] = table["role"].mask(table["role"] == "", role)
    table["suite"] = table["suite"].where(table["suite"] != "", table["ability"])
    table["key"] = table["key"].where(table["key"] != "", "#" + table["row"].astype("str"))
    for name in ("seed", "data_seed"):
        table[name] = table[name].fillna(0).astype("int64")
    _stages(table, mixtures, check)
    _parameters(table, check)
    share = table["score"].between(0, 1) & (table["n"] > 0)
    worked_out = ((table["score"] * (1 - table["score"])).where(share) / table["n"]) ** 0.5
    in_shares = ~_not_shares(table)
    table["stderr"] = table["stderr"].fillna(worked_out.where(in_shares))


def _not_shares(table: pd.DataFrame) -> pd.Series:
    """Say of each row whether its metric goes beyond [0, 1], and so is no share."""
    outside = ~table["score"].between(0, 1) & table["score"].notna()
    groups = table.groupby(["ability", "suite", "metric"], sort=False).ngroup()
    beyond: pd.Series = outside.groupby(groups).transform("any")
    return beyond | ~table["higher_is_better"]


def _stages(table: pd.DataFrame, mixtures: Sequence[Mapping[str, int]], check: _Check) -> None:
    """Fill `stage` and `stages`: the untuned base is stage 0, everything else its last stage."""
    for name in ("stage", "stages"):
        check.no(table[name] < 0, name, table[name], "stages count from 0, the untuned base")
    both = table["stage"].notna() & table["stages"].notna()
    over = both & (table["stage"] > table["stages"])
    check.no(over, "stage", table["stage"], "a cell has no stage beyond its `stages`")
    untuned = np.array([not mixture for mixture in mixtures], dtype=bool)[table["mixture"]]
    cell = table.groupby(
        ["model", "strategy", "k", "mixture", "protocol"], sort=False, dropna=False
    ).ngroup()
    most = table["stage"].where(table["stages"].isna()).groupby(cell).transform("max")
    table["stages"] = table["stages"].fillna(most).fillna(1)
    table["stage"] = table["stage"].fillna(table["stages"])
    table.loc[untuned, "stage"] = 0
    table.loc[untuned & ~both.to_numpy(), "stages"] = 0
    for name in ("stage", "stages"):
        table[name] = table[name].astype("int64")


def _parameters(table: pd.DataFrame, check: _Check) -> None:
    """Give every row of a model the model's one parameter count."""
    check.no(table["parameters"] <= 0, "parameters", table["parameters"], "a count is positive")
    first = table.groupby("model", sort=False)["parameters"].transform("first")
    other = table["parameters"].notna() & (table["parameters"] != first)
    check.no(
        other,
        "parameters",
        table["parameters"],
        "one model has one count, and an earlier row differs",
    )
    table["parameters"] = first


def _ranges(table: pd.DataFrame, check: _Check) -> None:
    """Refuse what no table can hold."""
    for name, known in SETS.items():
        bad = ~table[name].isin(known)
        check.no(bad, name, table[name], f"there are {', '.join(known)}")
    for name, low, high, welcome in (
        ("k", 0, 1, "a share of the specialised data lies in [0, 1]"),
        ("epoch", 0, math.inf, "passes over the rows count from 0"),
        ("updates", 0, math.inf, "updates count from 0"),
        ("tokens", 0, math.inf, "tokens count from 0"),
        ("stderr", 0, math.inf, "a standard error is not negative"),
    ):
        values = table[name]
        check.no((values < low) | (values > high), name, values, welcome)
    n = table["n"]
    none_scored = (n == 0) & table["score"].isna()  # as an evaluation writes it
    check.no((n < 1) & ~none_scored, "n", n, "a score is of at least 1 item; empty where unknown")


def _consistent(table: pd.DataFrame, check: _Check) -> None:
    """Refuse rows that contradict each other."""
    metric = table.groupby(["ability", "suite", "metric"], sort=False)
    direction = table["higher_is_better"]
    check.no(
        direction != metric["higher_is_better"].transform("first"),
        "higher_is_better",
        direction,
        "one metric has one direction, and an earlier row differs",
    )
    role = table.groupby("ability", sort=False)["role"].transform("first")
    check.no(
        table["role"] != role,
        "role",
        table["role"],
        "one ability has one role, and an earlier differs",
    )
    twice = table["key"].duplicated(keep=False)
    if not twice.any():
        return
    again = table[twice]
    for name in ("ability", "model", "seed"):
        first = again.groupby("key", sort=False)[name].transform("first")
        _contradiction(again, again[name] != first, name, check)
    by = [again["key"], again["metric"], again["suite"], again["split"]]
    for name in ("score", "stderr"):
        first = again[name].groupby(by, sort=False).transform("first")
        _contradiction(again, (again[name] - first).abs() > 1e-9, name, check)


def _contradiction(again: pd.DataFrame, bad: pd.Series, name: str, check: _Check) -> None:
    places = again.index[bad]
    if len(places):
        row = again.loc[places[0]]
        welcome = (
            f"an earlier row with the same key '{row['key']}' differs; a key is one measurement"
        )
        check.refuse(int(places[0]), name, row[name], welcome)


def _units(table: pd.DataFrame, check: _Check) -> None:
    """Refuse shares and percents in one metric, and scores or chances outside their unit."""
    chance = table["chance"]
    check.no(chance < 0, "chance", chance, "what guessing scores is not negative")
    for (ability, _, metric), part in table.groupby(["ability", "suite", "metric"], sort=False):
        values = part["score"].dropna()
        if not len(values) or not bool(part["higher_is_better"].iloc[0]):
            continue
        top, shares = values.max(), values[values <= 1]
        named = is_share(str(metric))
        if named:
            _first(values < 0, values, "score", f"no {metric} is negative", check)
            _first(values > 100, values, "score", f"no {metric} is beyond 100 %", check)
        beyond = values[values > 1]
        if len(beyond) and values.min() >= 0:
            gap = beyond.min() >= 5 * max(shares.max(), 0.2) if (shares > 0).any() else False
            strays = named and len(shares) >= 0.8 * len(values) and (shares > 0).any()
            if gap or strays:
                unit = "shares" if len(shares) >= len(beyond) else "percents"
                bad = values > 1 if len(shares) >= len(beyond) else (values <= 1) & (values > 0)
                _first(
                    bad,
                    values,
                    "score",
                    f"{ability} {metric} is elsewhere in {unit}; one metric has one unit",
                    check,
                )
        limit = 1.0 if top <= 1 else 100.0 if named else math.inf
        over = part["chance"] > limit
        _first(over, part["chance"], "chance", f"scores are at most {limit:g} here", check)


def is_share(metric: str) -> bool:
    """Say whether a metric is by its name a share, which may be written in percent."""
    return bool(SHARE_LIKE.search(metric))


def _first(bad: pd.Series, values: pd.Series, name: str, welcome: str, check: _Check) -> None:
    places = bad.index[bad.to_numpy(dtype=bool)]
    if len(places):
        check.refuse(int(places[0]), name, values.loc[places[0]], welcome)


def designs(mixtures: Sequence[Mapping[str, int]]) -> list[str]:
    """Work out from the amounts which design each mixture belongs to.

    One source is `single`; all at equal rows, or at an equal share of the most that the table
    has of each, is `together`; else `vary:` and the sources of the side that the table varies
    more often while the other stays.
    """
    most: dict[str, int] = {}
    for mixture in mixtures:
        for name, rows in mixture.items():
            most[name] = max(rows, most.get(name, 0))
    sides = [_sides(mixture, most) for mixture in mixtures]
    seen: dict[tuple[tuple[str, int], ...], set[tuple[tuple[str, int], ...]]] = {}
    for one, other in (pair for pair in sides if pair):
        seen.setdefault(one, set()).add(other)
        seen.setdefault(other, set()).add(one)
    names = []
    for mixture, pair in zip(mixtures, sides, strict=True):
        if len(mixture) <= 1:
            names.append("single" if mixture else "base")
        elif pair is None:
            names.append("together")
        else:
            one, other = pair
            varied = other if len(seen[one]) >= len(seen[other]) else one
            names.append("vary:" + "+".join(name for name, _ in varied))
    return names


def together(mixture: Mapping[str, int], most: Mapping[str, int]) -> bool:
    """Say whether two or more sources are all at equal rows, or at an equal share of the most.

    A share of a source is a whole number of rows, so one row more or less is the same share.
    """
    if len(mixture) < 2 or len(set(mixture.values())) == 1:
        return len(mixture) > 1
    low = max((rows - 1) / most[name] for name, rows in mixture.items())
    high = min((rows + 1) / most[name] for name, rows in mixture.items())
    return low <= high


def _sides(
    mixture: Mapping[str, int], most: Mapping[str, int]
) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]] | None:
    """Split a mixture into the sources at its largest share and the others; None if all agree."""
    if len(mixture) < 2 or together(mixture, most):
        return None
    share = max((rows - 1) / most[name] for name, rows in mixture.items())
    full = {name for name, rows in mixture.items() if rows + 1 >= share * most[name]}
    one = tuple((name, rows) for name, rows in sorted(mixture.items()) if name in full)
    other = tuple((name, rows) for name, rows in sorted(mixture.items()) if name not in full)
    return (one, other) if other else None


def _items(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the scored items: `key`, `item`, `score`, and `chance` and `cluster` where given."""
    check = _Check(where)
    for name in ("key", "item", "score"):
        if name not in frame:
            raise DataError(f"{where}: column '{name}' is missing; required are key, item, score")
    frame = frame.reset_index(drop=True)
    items = pd.DataFrame({"key": frame["key"].astype("str"), "item": frame["item"].astype("str")})
    items["score"] = _numbers(frame["score"], "score", check)
    if "chance" in frame and frame["chance"].notna().any():
        items["chance"] = _numbers(frame["chance"], "chance", check)
    if "cluster" in frame:
        items["cluster"] = frame["cluster"].astype("str")
    items = items.dropna(subset="score")
    twice = items.duplicated(["key", "item"])
    other = twice & ~items.duplicated(["key", "item", "score"])
    if other.any():
        row = items[other].iloc[0]
        raise DataError(
            f"{where}: key '{row['key']}': item '{row['item']}' is there twice with other scores; "
            "give their mean, or the items of one evaluation a key of their own"
        )
    return items[~twice]


def _agree(table: pd.DataFrame, items: pd.DataFrame, where: str) -> None:
    """Refuse items whose number or mean is another than the table says under their key.

    Pairing rests on them, and those of another evaluation would be believed.  A key may name
    several metrics, of which the items are one; a mean may be over clusters.
    """
    rows = table[table["score"].notna() & table["key"].isin(items["key"].unique())]
    if rows.empty:
        key = items["key"].iloc[0]
        raise DataError(f"{where}: no key of the table is among the items, such as '{key}'")
    by_key = items.groupby("key", sort=False)["score"]
    means = [by_key.mean()]
    if "cluster" in items:
        clusters = items.groupby(["key", "cluster"], sort=False)["score"].mean()
        means.append(clusters.groupby("key", sort=False).mean())
    metric = rows.groupby(["ability", "suite", "metric"], sort=False)["score"]
    rounded = 0.51 * metric.transform(_last_place)
    near = pd.Series(False, index=rows.index)
    for mean in means:
        near |= (rows["score"] - rows["key"].map(mean)).abs() <= rounded
    count = rows["key"].map(by_key.size())
    fits = near.groupby(rows["key"]).transform("any")
    wrong = ~fits | (rows["n"].notna() & (rows["n"] != count))
    if wrong.any():
        row = rows[wrong].iloc[0]
        key = row["key"]
        said = f"mean of {means[0][key]:.6g} over {by_key.size()[key]}"
        told = f"{row['score']:.6g}" + (f" over {row['n']:.0f}" if row["n"] > 0 else "")
        raise DataError(
            f"{where}: key '{key}': its scored items have a {said}, and row {row['row']} of the "
            f"table says {told}; give the items of that evaluation, or leave out those of this key"
        )


def _last_place(scores: pd.Series) -> float:
    """Return the unit of the last decimal that scores are written with, at least a millionth."""
    values = scores.to_numpy()
    return next((10.0**-d for d in range(6) if np.allclose(values, values.round(d), 0, 1e-9)), 1e-6)


def _chances(table: pd.DataFrame, items: pd.DataFrame) -> pd.Series:
    """Return what guessing scores on the items of each row, where every item says it."""
    if "chance" not in items:
        return pd.Series(np.nan, index=table.index)
    by_key = items.groupby("key", sort=False)["chance"]
    known = by_key.mean().where(by_key.count() == by_key.size())
    chance: pd.Series = table["key"].map(known).where(table["higher_is_better"])
    return chance
