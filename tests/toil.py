"""Steps that do next to nothing, and fail, die or dawdle when a file tells them to."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from espalier.errors import DataError
from espalier.step import Locate, Site, Step, beside


@dataclass(frozen=True, kw_only=True)
class Toil(Step):
    """Writes its name; `orders` is a folder in which a file of its name says what befalls it."""

    name: str
    after: Step | None = None
    also: Step | None = None
    orders: Path = beside()  # noqa: RUF009

    def run(self, out: Path, at: Locate, site: Site) -> None:
        with (self.orders / "log").open("a") as log:
            log.write(f"{self.name}\n")
        for parent in self.parents:
            assert (at(parent) / "name.txt").exists()
        order = self.orders / self.name
        if order.exists():
            befall(order.read_text())
        (out / "name.txt").write_text(self.name)


def befall(what: str) -> None:
    if what == "raise":
        raise RuntimeError("a bug\nof two lines")
    if what == "refuse":
        raise DataError("the rows have changed")
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("sleep"):
        time.sleep(float(what.partition(" ")[2]))
