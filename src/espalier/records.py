"""Records out of files: `.jsonl`, `.json`, `.csv` (each also gzipped) and `.parquet`.

A file is read leniently row by row and strictly as a whole: a row that is no record comes out as
the reason why, with its number; a file that is damaged as a whole (a cut-off archive, another
encoding) is refused, for nobody knows what is missing.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from espalier.errors import DataError, MissingError, choices
from espalier.format import Record, kind

Row = tuple[int, Record | str]
"""The row's number, and the record or the reason why there is none.

Numbers count from 1: lines of a `.jsonl` or `.csv` file, rows of a `.json` or `.parquet` file.
"""


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that cannot be used."""

    file: str
    line: int
    why: str

    def __str__(self) -> str:
        unit = "row" if self.file.removesuffix(".gz").endswith((".json", ".parquet")) else "line"
        return f"{self.file}, {unit} {self.line}: {self.why}"


def find(path: str, root: Path) -> list[Path]:
    """Return the data files that `path` means: a file, a folder or a pattern such as `*.jsonl`.

    Relative paths start from `root`.  Sorted by name, so that rows have the same numbers on every
    machine.  Raises `MissingError` where there is nothing to read.
    """
    whole = root / Path(path).expanduser()
    if whole.is_file():
        if not _reader(whole):
            raise MissingError(f"{path}: no way to read this kind of file; {_endings()}")
        return [whole]
    if whole.is_dir():
        found = [p for p in whole.rglob("*") if not _hidden(p, whole)]
    else:
        found = _glob(whole)
    files = sorted(p for p in found if p.is_file() and _reader(p))
    if not files:
        raise MissingError(f"{path}: {_why_nothing(whole, found)}")
    return files


def records(file: Path) -> Iterator[Row]:
    """Yield the rows of `file`.

    Raises `DataError` where the file as a whole is damaged, `MissingError` where it is none.
    """
    reader = _reader(file)
    if reader is None:
        raise MissingError(f"{file}: no way to read this kind of file; {_endings()}")
    if file.is_dir():
        raise MissingError(f"{file}: is a folder; name a file in it")
    try:
        yield from reader(file)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{file}: the gzip archive is cut off or damaged; fetch it again") from None
    except OSError as error:
        raise MissingError(f"{file}: cannot be read: {error.strerror or error}") from None


def _lines(file: Path) -> Iterator[Row]:
    """Read JSON lines: one object a line; blank lines are skipped."""
    with _open(file) as stream:
        for number, raw in enumerate(stream, 1):
            line = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip()
            if not line:
                continue
            try:
                yield number, _record(json.loads(line.decode()))
            except UnicodeDecodeError:
                yield number, "not UTF-8"
            except RecursionError:
                yield number, "JSON nested too deeply"
            except ValueError as error:
                yield number, f"not JSON ({_json_error(error)})"


def _array(file: Path) -> Iterator[Row]:
    """Read a JSON array of objects; a file that is JSON lines after all is read as such."""
    with _open(file) as stream:
        raw = stream.read().removeprefix(b"\xef\xbb\xbf").strip()
    if raw.startswith(b"{"):
        yield from _lines(file)
        return
    try:
        rows = json.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise DataError(f"{file}: JSON nested too deeply") from None
    except ValueError as error:
        raise DataError(f"{file}: not JSON ({_json_error(error)})") from None
    if not isinstance(rows, list):
        raise DataError(f"{file}: holds {kind(rows)}, not a list of rows")
    yield from enumerate(map(_record, rows), 1)


def _table(file: Path) -> Iterator[Row]:
    """Read CSV with a header line.  A row's number is that of its first line."""
    csv.field_size_limit(2**31 - 1)  # replies are longer than the default of 128 KiB
    with _open(file) as stream:
        # what is no UTF-8 becomes a lone surrogate, which only spoils the row it stands in
        content = stream.read().decode("utf-8-sig", "surrogateescape")
    reader = csv.reader(StringIO(content, newline=""), strict=True)
    line = 1
    try:
        header = next(reader, [])
        if twice := [name for name in header if header.count(name) > 1]:
            raise DataError(f"{file}: two columns are called '{twice[0]}'")
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(header):
                yield line, f"{len(cells)} values where the header names {len(header)} columns"
            elif not _encodes("".join(cells)):
                yield line, "not UTF-8"
            else:
                yield line, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{file}: not CSV from line {line} on ({error})") from None


def _parquet(file: Path) -> Iterator[Row]:
    """Read Parquet, a batch at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(file).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{file}: not a whole Parquet file ({reason})") from None


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _lines,
    ".json": _array,
    ".csv": _table,
    ".parquet": _parquet,
}


def _reader(file: Path) -> Callable[[Path], Iterator[Row]] | None:
    return _READERS.get(Path(file.name.removesuffix(".gz")).suffix.lower())


def _open(file: Path) -> BinaryIO:
    """Open a file for its bytes, unpacked where they are gzip, whatever the file is called."""
    with file.open("rb") as stream:
        start = stream.read(2)
    if start in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{file}: the text is UTF-16; save it as UTF-8")
    return cast(BinaryIO, gzip.open(file, "rb")) if start == b"\x1f\x8b" else file.open("rb")


def _glob(pattern: Path) -> list[Path]:
    try:
        return list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError:  # `**` glued to other characters
        return []


def _record(value: Any) -> Record | str:
    return value if isinstance(value, dict) else f"{kind(value)}, not an object"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_error(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error).partition(";")[0]
    line = f"line {error.lineno}, " if error.lineno > 1 else ""
    return f"{error.msg} at {line}column {error.colno}"


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _endings() -> str:
    return choices("", _READERS).removesuffix(".") + ", plain or with .gz"


def _why_nothing(whole: Path, found: list[Path]) -> str:
    if whole.is_dir() or found:
        return f"no data files there; {_endings()}"
    near = whole.parent
    while not near.exists():
        near = near.parent
    return f"no such file, folder or pattern (there is {near})"
