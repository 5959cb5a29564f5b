"""Compose: the rows of one stage, drawn from its sources.

The folder holds `rows.parquet` with the columns `source`, `index` (the row's number in its source,
from 0) and `messages`, source by source in drawing order; training shuffles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

from pydantic import Field

from espalier.ability import Message
from espalier.errors import DataError, SpecError
from espalier.source import Rows, Source, order, read
from espalier.spec import Spec
from espalier.step import Locate, Site, Step, beside


class Draw(Spec):
    """A number of rows of one source.

    It is identified by what is drawn (name, content, amount), not by where and how the source is
    read.
    """

    source: str
    digest: str
    rows: Annotated[int, Field(ge=1)]
    hold_out: int = 0
    reading: Source = Field(exclude=True, repr=False)
    repeat: bool = Field(False, exclude=True)
    """Whether more rows may be asked for than there are: then the order begins again."""


def draw(source: Source, rows: int, *, digest: str, repeat: bool = False) -> Draw:
    """Return the draw of `rows` rows from a source whose content has this digest."""
    return Draw(
        source=source.name,
        digest=digest,
        rows=rows,
        hold_out=source.hold_out,
        reading=source,
        repeat=repeat,
    )


@dataclass(frozen=True, kw_only=True)
class Compose(Step):
    """Draw rows from sources.  The order in which the draws are given means nothing."""

    draws: tuple[Draw, ...]
    seed: int
    root: Path = beside(default=Path())  # noqa: RUF009
    """The folder that relative paths of sources start from."""
    label: str = beside(default="")

    def __post_init__(self) -> None:
        names = [draw.source for draw in self.draws]
        if twice := [name for name in names if names.count(name) > 1]:
            raise SpecError(f"source '{twice[0]}' is drawn from twice in one composition")
        object.__setattr__(self, "draws", tuple(sorted(self.draws, key=lambda d: d.source)))

    def run(self, out: Path, at: Locate, site: Site) -> None:  # noqa: ARG002
        """Write the drawn rows to `out/rows.parquet`, the same bytes every time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        message = pa.struct([("role", pa.string()), ("content", pa.string())])
        columns = {"source": pa.string(), "index": pa.int64(), "messages": pa.list_(message)}
        rows = [row for draw in self.draws for row in self._take(draw)]
        table = pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items())))
        pq.write_table(table, out / "rows.parquet", compression="zstd")

    def _take(self, draw: Draw) -> Iterator[dict[str, object]]:
        """Yield the first rows of the source's drawing order."""
        rows = self._read(draw)
        numbers = order(
            len(rows.messages), name=draw.source, seed=self.seed, hold_out=draw.hold_out
        ).tolist()
        if draw.rows > len(numbers) and not (draw.repeat and numbers):
            raise DataError(
                f"source '{draw.source}' has {len(numbers)} rows to draw from, "
                f"{draw.rows} are asked for; ask for fewer, or hold out fewer"
            )
        for index in islice(cycle(numbers), draw.rows):
            messages: tuple[Message, ...] = rows.messages[index]
            yield {"source": draw.source, "index": index, "messages": list(messages)}

    def _read(self, draw: Draw) -> Rows:
        """Read a source, and refuse one that is no longer what was planned."""
        rows = read(draw.reading, self.root)
        if rows.digest != draw.digest:
            raise DataError(
                f"source '{draw.source}': the rows at {draw.reading.path} have changed since "
                "planning; plan and run again"
            )
        return rows
