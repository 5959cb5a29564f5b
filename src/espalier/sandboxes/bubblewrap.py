"""Bubblewrap: an empty root with the Python interpreter in it, read-only, and nothing else.

New namespaces for users, processes, network, mounts and names; no /proc; a small folder in memory
to work in; no capability; and a list of system calls that answer "not permitted": no process is
ever forked, no socket made, nothing mounted or traced.  Debian: `apt install bubblewrap`.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path

from espalier.errors import MissingError
from espalier.sandbox import CLEAN, Limits, Start

HOME = "/box"
"""The folder inside that can be written to."""


class Bubblewrap:
    """The sandbox `bubblewrap`."""

    def check(self) -> None:
        """Raise `MissingError` where bubblewrap is not installed or may not make namespaces."""
        _check()

    def start(self, text: str, limits: Limits) -> Start:
        """Return how to start Python on `text` in a sandbox of its own."""
        rules = _rules()
        program = [_python(), "-I", "-S", "-B", "-c", text]
        command = [_bwrap(), *_walls(limits), "--seccomp", str(rules), "--", *program]
        return Start(command=command, descriptors=(rules,))

    def stop(self, process: subprocess.Popen[bytes], start: Start) -> None:  # noqa: ARG002
        """Kill bubblewrap; the kernel ends everything in its process namespace with it."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


bubblewrap = Bubblewrap()


def _walls(limits: Limits) -> list[str]:
    walls = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"]
    walls += ["--new-session", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    walls += ["--hostname", "sandbox", "--clearenv"]
    for name, value in CLEAN.items():
        walls += ["--setenv", name, value]
    for path in _interpreter():
        walls += ["--ro-bind", path, path]
    for path in _hidden():
        walls += ["--tmpfs", path, "--remount-ro", path]
    walls += ["--dev", "/dev", "--remount-ro", "/dev"]
    walls += ["--size", str(limits.file_mb * 2**20), "--tmpfs", HOME, "--chdir", HOME]
    return [*walls, "--remount-ro", "/"]


@cache
def _check() -> None:
    install = "apt install bubblewrap (or your system's way)"
    if not shutil.which("bwrap"):
        raise MissingError(f"code is run in a sandbox, and bubblewrap is not installed: {install}")
    _numbers()
    start = bubblewrap.start("print('inside')", Limits())
    try:
        tried = subprocess.run(  # noqa: S603
            start.command,
            pass_fds=start.descriptors,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        for number in start.descriptors:
            os.close(number)
    if tried.stdout.strip() != "inside":
        said = (tried.stderr.strip() or f"exit status {tried.returncode}").splitlines()[-1]
        raise MissingError(
            f"bubblewrap is installed but cannot make a sandbox here ({said}); allow user "
            "namespaces (sysctl kernel.unprivileged_userns_clone=1), or name another sandbox: "
            "docker"
        )


def _bwrap() -> str:
    return shutil.which("bwrap") or "bwrap"


def _python() -> str:
    """Return the interpreter itself, never a virtual environment's."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return str(Path(base).resolve())


@cache
def _interpreter() -> tuple[str, ...]:
    """Return what Python needs to run: its program, its standard library, and shared libraries."""
    library = sysconfig.get_path("stdlib")
    found = dict.fromkeys([_python(), library])
    for part in [_python(), *map(str, Path(library, "lib-dynload").glob("*.so"))]:
        found.update(dict.fromkeys(_linked(part)))
    return tuple(path for path in found if path)


def _linked(part: str) -> list[str]:
    """Return the shared libraries that `part` is linked to, the loader among them."""
    told = subprocess.run(  # noqa: S603
        ["ldd", part],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    words = (line.split() for line in told.stdout.splitlines())
    return [next((w for w in line if w.startswith("/")), "") for line in words]


def _hidden() -> list[str]:
    """Return folders inside the standard library that hold what others installed."""
    library = Path(sysconfig.get_path("stdlib"))
    return [str(library / n) for n in ("site-packages", "dist-packages") if (library / n).is_dir()]


# The rules: a filter in the kernel's classic BPF (linux/filter.h, linux/seccomp.h).

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
CLONE_THREAD = 0x00010000
X32 = 0x40000000
"""System calls of another numbering on x86-64."""

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS: dict[str, tuple[int, int]] = {
    # name: number on x86_64, on aarch64; -1 where there is none
    "fork": (57, -1),
    "vfork": (58, -1),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "personality": (135, 92),
    "syslog": (103, 116),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "acct": (163, 89),
    "quotactl": (179, 60),
}
"""Not permitted."""
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435


def _numbers() -> tuple[int, list[int], int]:
    """Return the machine's mark, the forbidden calls' numbers, and that of `clone`."""
    machine = platform.machine()
    if machine not in MACHINES:
        raise MissingError(
            f"bubblewrap's rules are written for {' and '.join(MACHINES)}, this is {machine}; "
            "name another sandbox: docker"
        )
    place = list(MACHINES).index(machine)
    calls = [numbers[place] for numbers in CALLS.values() if numbers[place] >= 0]
    return MACHINES[machine], calls, CLONE[machine]


@cache
def _filter() -> bytes:
    """Return the rules as BPF.

    A new thread is a `clone` that says so; `clone3` hides its flags in memory, so it answers "no
    such call" and the C library falls back to `clone`.
    """
    mark, calls, clone = _numbers()
    code = [(LOAD, 0, 0, 4), (IF_EQUAL, 1, 0, mark), (ANSWER, 0, 0, KILL), (LOAD, 0, 0, 0)]
    code += [(IF_AT_LEAST, 0, 1, X32), (ANSWER, 0, 0, KILL)]
    for number in calls:
        code += [(IF_EQUAL, 0, 1, number), (ANSWER, 0, 0, ERRNO | EPERM)]
    code += [(IF_EQUAL, 0, 1, CLONE3), (ANSWER, 0, 0, ERRNO | ENOSYS)]
    code += [(IF_EQUAL, 0, 3, clone), (LOAD, 0, 0, 16), (IF_ANY, 1, 0, CLONE_THREAD)]
    code += [(ANSWER, 0, 0, ERRNO | EPERM), (ANSWER, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in code)


def _rules() -> int:
    """Return a descriptor from which bubblewrap reads the rules once."""
    read, write = os.pipe()
    os.write(write, _filter())
    os.close(write)
    return read
