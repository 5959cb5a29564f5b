"""The published tables of both papers, typed in under `papers/`, as results tables.

Errors are binomial, worked out from the benchmarks' sizes; MT-Bench has none.  All runs are single
seeds.  A cell that a paper prints twice with two values is there twice, and counts by its mean.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from espalier.analysis import analyze
from espalier.finding import Findings
from espalier.results import Table, read_sources, tidy

PAPERS = Path(__file__).parent / "papers"
DONG2023 = ("table1", "table2_3", "table4", "table5", "table6")
SONG2023 = ("table2", "table3")
EPOCHS = (5, 10, 15)


def table(paper: str, names: tuple[str, ...], epoch: int | None = None) -> Table:
    """Return the tables of a paper as one, or what they hold of one epoch."""
    frames = [pd.read_csv(PAPERS / f"{paper}_{name}.csv") for name in names]
    frame = pd.concat(frames, ignore_index=True)
    if epoch is not None:
        frame = frame[frame["epoch"] == epoch]
    sources = read_sources(PAPERS / f"{paper}_sources.yaml")
    return tidy(frame, sources=sources, where=paper, sidecar=True)


@cache
def dong2023() -> Findings:
    """Return what the tables of Dong et al. bear."""
    return analyze(table("dong2023", DONG2023))


@cache
def song2023(epoch: int = 15) -> Findings:
    """Return what the tables of Song et al. bear after so many epochs."""
    return analyze(table("song2023", SONG2023, epoch))
