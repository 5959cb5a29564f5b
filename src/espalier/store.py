"""The store: one folder per step, named by its key, complete or absent.

    STORE/train/0f3a.../          made: its record `step.json` was written before it got this name
    STORE/train/.0f3a...partial/  in the making, or left by a killed run, for the next to go on
    STORE/locks/0f3a...           held by the process that is making it, and freed when that dies
    STORE/failed/0f3a....json     why the last attempt failed; advisory

What lies beside the record (`cost.json`, the failures) is advisory: deleting it loses no result.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile
from typing import Any

from filelock import FileLock, Timeout

from espalier import __version__
from espalier.errors import DriftError, EspalierError, MissingError, choices
from espalier.step import Site, Step

RECORD, COST, PROGRESS = "step.json", "cost.json", "progress.json"


class BusyError(Exception):
    """Another process is making this step right now."""


class Store:
    """Outputs on disk.  A folder appears under its key only once its step has finished."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, step: Step) -> Path:
        """Return where the output of `step` lies, or will lie."""
        return self.root / step.kind / step.key

    def partial(self, step: Step) -> Path:
        """Return where the output of `step` lies while it is being made."""
        return self.root / step.kind / f".{step.key}.partial"

    def has(self, step: Step) -> bool:
        """Say whether `step` is done; refuse if what is there was made from other defaults."""
        try:
            record = (self.path(step) / RECORD).read_text(encoding="utf-8")
        except OSError:
            return False
        try:
            then = json.loads(record)["identity"]
        except (ValueError, KeyError, TypeError):
            raise MissingError(
                f"{self.path(step) / RECORD} is damaged; delete the folder {self.path(step)} "
                "and run again"
            ) from None
        if moved := sorted(_moved(then, step.describe())):
            raise DriftError(
                f"{self.path(step)} was made with another {', '.join(moved)}: a default has moved; "
                f"raise {type(step).__name__}.VERSION, or put the default back"
            )
        return True

    def present(self) -> set[str]:
        """Return the keys of every finished folder by name alone, which is quick."""
        folders = self.root.glob("*/*/") if self.root.is_dir() else ()
        return {folder.name for folder in folders if not folder.name.startswith(".")}

    def make(self, step: Step, site: Site) -> bool:
        """Run `step` unless it is done; say whether it was made by this call.

        Raises `BusyError` at once where another process is making it.
        """
        if self.has(step):
            return False
        home, partial = self.path(step), self.partial(step)
        try:
            with FileLock(self._folder("locks") / step.key, timeout=0):
                if self.has(step):  # made while we asked for the lock
                    return False
                partial.mkdir(parents=True, exist_ok=True)
                cost = _timed(step, partial, self.path, site)
                _write(partial / COST, _added(partial / COST, cost))
                (partial / PROGRESS).unlink(missing_ok=True)
                _write(partial / RECORD, _record(step))
                if home.exists():  # without a record, as `has` has found
                    rmtree(home)
                partial.rename(home)
                (self.root / "failed" / f"{step.key}.json").unlink(missing_ok=True)
        except Timeout:
            raise BusyError(step.key) from None
        return True

    def fail(self, step: Step, reason: str, details: str) -> None:
        """Keep why a step failed, for `status`, `explain` and the report."""
        record = _record(step) | {"reason": reason, "details": details}
        _write(self._folder("failed") / f"{step.key}.json", record)

    def _folder(self, name: str) -> Path:
        """Return a folder of the store, made at need, or refuse a store that cannot be written."""
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                return folder
        except OSError as error:
            raise MissingError(
                f"{self.root}: cannot be written: {error.strerror}; choose another with --store"
            ) from None

    def failure(self, step: Step) -> str | None:
        """Return why the last attempt at `step` failed, if it did."""
        record = read_json(self.root / "failed" / f"{step.key}.json")
        return record.get("reason") if record else None

    def cost(self, step: Step) -> dict[str, Any]:
        """Return what a finished step cost: wall and CPU seconds, device, threads."""
        return read_json(self.path(step) / COST)

    def progress(self, step: Step) -> dict[str, Any]:
        """Return how far a running step says it is."""
        return read_json(self.partial(step) / PROGRESS)

    def running(self, step: Step) -> bool:
        """Say whether a process is making `step` right now."""
        lock = self.root / "locks" / step.key
        if not lock.exists():
            return False
        try:
            with FileLock(lock, timeout=0):
                return False
        except (Timeout, OSError):
            return True

    def records(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield every finished folder with its record."""
        for record in sorted(self.root.glob(f"*/*/{RECORD}")):
            if not record.parent.name.startswith("."):
                yield record.parent, read_json(record)

    def find(self, key: str) -> tuple[Path, dict[str, Any]]:
        """Return the folder and record of the step whose key begins with `key`."""
        if not self.root.is_dir():
            raise MissingError(f"{self.root}: no store there; `espalier run STUDY` makes one")
        if not key.strip(".").isalnum():
            raise EspalierError(f"'{key}' is no key; keys are hex digits, as `status` shows them")
        found = list(self.root.glob(f"*/{key}*/{RECORD}"))
        found += list(self.root.glob(f"failed/{key}*.json"))
        found += list(self.root.glob(f"*/.{key}*.partial"))
        if not found:
            keys = [folder.name for folder, _ in self.records()]
            raise EspalierError(
                f"{self.root}: no step '{key}' among the {len(keys)} there; "
                f"{choices(key, keys) if len(keys) <= 12 else '`espalier status` lists them'}"
            )
        names = sorted({_named(path) for path in found})
        if len(names) > 1:
            shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            raise EspalierError(f"'{key}' begins {len(names)} keys ({shown}); give more of it")
        path = found[0]
        if path.name == RECORD:
            return path.parent, read_json(path)
        if path.suffix == ".json":
            return path, read_json(path)
        kind = {"kind": path.parent.name}
        return path, {"key": names[0], "identity": kind, "remarks": {"label": "not finished"}}


def _named(path: Path) -> str:
    """Return the key that a record, a failure or a folder in the making is called by."""
    name = path.parent.name if path.name == RECORD else path.name
    return name.strip(".").removesuffix(".partial").removesuffix(".json")


def _timed(step: Step, out: Path, at: Any, site: Site) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    step.run(out, at, replace(site, progress=out / PROGRESS))
    return {
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "device": site.device,
        "threads": site.threads,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _added(path: Path, cost: dict[str, Any]) -> dict[str, Any]:
    """Keep what a step wrote of its own cost beside ours."""
    return read_json(path) | cost


def _record(step: Step) -> dict[str, Any]:
    return {"key": step.key, "identity": step.describe(), "espalier": __version__} | (
        {"remarks": remarks} if (remarks := step.remarks()) else {}
    )


def _write(path: Path, record: dict[str, Any]) -> None:
    """Write JSON aside, then give it its name, so that nobody reads half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping in a JSON file, or an empty one where there is none to read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _moved(then: Any, now: Any, name: str = "") -> Iterator[str]:
    """Yield the names present in both descriptions with different values."""
    if isinstance(then, dict) and isinstance(now, dict):
        for part in then.keys() & now.keys():
            yield from _moved(then[part], now[part], f"{name}.{part}".lstrip("."))
    elif then != now:
        yield name
