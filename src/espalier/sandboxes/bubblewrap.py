"""Bubblewrap: an empty root with the Python interpreter in it, read-only, and nothing else.

New namespaces for users, processes, network, mounts and names; no /proc; a small folder in memory
to work in; no capability; and a list of system calls that answer "not permitted": no process is
ever forked, no socket made, nothing mounted or traced.  Debian: `apt install bubblewrap`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path

from espalier.errors import MissingError
from espalier.sandbox import CLEAN, Limits, Start
from espalier.sandboxes._rules import MACHINES, known, walls

HOME = "/box"
"""The folder inside that can be written to."""
SIZES, NO_NAMESPACES = (0, 7), (0, 8)
"""The versions since which a folder in memory has a size, and no namespace can be made inside."""


class Bubblewrap:
    """The sandbox `bubblewrap`."""

    shared = True

    def check(self) -> None:
        """Raise `MissingError` where bubblewrap is not installed or may not make namespaces."""
        _check()

    def start(self, text: str, limits: Limits) -> Start:
        """Return how to start Python on `text` in a sandbox of its own."""
        rules = _rules()
        program = [_python(), "-s", "-P", "-S", "-B", "-c", text]
        command = [_bwrap(), *_walls(limits), "--seccomp", str(rules), "--", *program]
        return Start(command=command, descriptors=(rules,))

    def stop(self, process: subprocess.Popen[bytes], start: Start) -> None:  # noqa: ARG002
        """Kill bubblewrap; the kernel ends everything in its process namespace with it."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


bubblewrap = Bubblewrap()


def _walls(limits: Limits) -> list[str]:
    paths = _interpreter()
    walls = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
    walls += ["--disable-userns"] if _version() >= NO_NAMESPACES else []
    walls += ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    walls += ["--hostname", "sandbox", "--clearenv"]
    # there is no cache of the loader inside: libraries in unusual places are found by their folders
    folders = dict.fromkeys(str(Path(path).parent) for path in paths if ".so" in path)
    for name, value in (CLEAN | {"LD_LIBRARY_PATH": ":".join(folders)}).items():
        walls += ["--setenv", name, value]
    for path in paths:
        walls += ["--ro-bind", path, path]
    for path in _hidden():
        walls += ["--tmpfs", path, "--remount-ro", path]
    walls += ["--dev", "/dev", "--remount-ro", "/dev"]
    if _version() >= SIZES:
        walls += ["--size", str(limits.file_mb * 2**20), "--tmpfs", HOME]
    else:  # without a size it could fill the machine's memory, so nothing can be written
        walls += ["--dir", HOME]
    return [*walls, "--chdir", HOME, "--remount-ro", "/"]


@cache
def _check() -> None:
    install = "apt install bubblewrap (or your system's way)"
    if not shutil.which("bwrap"):
        raise MissingError(f"code is run in a sandbox, and bubblewrap is not installed: {install}")
    if not known():
        raise MissingError(
            f"bubblewrap's rules are written for {' and '.join(MACHINES)}, this is "
            f"{platform.machine()}; name another sandbox: docker"
        )
    if not shutil.which("ldd"):
        raise MissingError("bubblewrap needs `ldd` (of the C library) to find Python's libraries")
    start = bubblewrap.start("print('inside')", Limits())
    try:
        tried = subprocess.run(  # noqa: S603
            start.command,
            pass_fds=start.descriptors,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for number in start.descriptors:
            os.close(number)
    if tried.stdout.strip() != "inside":
        said = (tried.stderr.strip() or f"exit status {tried.returncode}").splitlines()[-1]
        raise MissingError(
            f"bubblewrap is installed but cannot make a sandbox here ({said}); allow user "
            "namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
            "kernel.apparmor_restrict_unprivileged_userns=0), or name another sandbox: docker"
        )


def _bwrap() -> str:
    return shutil.which("bwrap") or "bwrap"


@cache
def _version() -> tuple[int, ...]:
    """Return bubblewrap's version: options that an older one lacks are done without."""
    told = subprocess.run(  # noqa: S603
        [_bwrap(), "--version"], capture_output=True, text=True, check=False
    )
    return tuple(int(part) for part in re.findall(r"\d+", told.stdout)[:2])


def _python() -> str:
    """Return the interpreter itself, never a virtual environment's."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return str(Path(base).resolve())


@cache
def _interpreter() -> tuple[str, ...]:
    """Return what Python needs to run: its program, its standard library, and shared libraries."""
    library = sysconfig.get_path("stdlib")
    parts = [_python(), *map(str, Path(library, "lib-dynload").glob("*.so"))]
    return tuple(dict.fromkeys([_python(), library, *_linked(parts)]))


def _linked(parts: list[str]) -> list[str]:
    """Return the shared libraries that the parts are linked to, the loader among them."""
    told = subprocess.run(  # noqa: S603
        ["ldd", *parts],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (line.split() for line in told.stdout.splitlines() if line.startswith("\t"))
    return [word for line in lines for word in line if word.startswith("/")]


def _hidden() -> list[str]:
    """Return folders inside the standard library that hold what others installed."""
    library = Path(sysconfig.get_path("stdlib"))
    return [str(library / n) for n in ("site-packages", "dist-packages") if (library / n).is_dir()]


def _rules() -> int:
    """Return a descriptor from which bubblewrap reads the rules once."""
    read, write = os.pipe()
    os.write(write, walls())
    os.close(write)
    return read
