"""System calls that model-written code may not make, as a filter for the kernel.

Classic BPF (linux/filter.h, linux/seccomp.h), for x86-64 and AArch64.  `walls` is for everything
in a sandbox; `seal` is for a process that runs a job, and adds: no process is forked or replaced,
none is signalled, and no other one's limits are touched.  This text also runs inside the sandbox.
"""

import os
import struct

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS = 1, 38
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST = 0, 4, 16
"""Where the call's number, the machine and the low half of the first argument stand."""
CLONE_THREAD = 0x00010000
X32 = 0x40000000
"""System calls of another numbering on x86-64."""

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
Calls = dict[str, tuple[int, int]]
"""Name: number on x86_64, on aarch64; -1 where there is none."""

WALLS: Calls = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "fsopen": (430, 430),
    "fspick": (433, 433),
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
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
}
SEAL: Calls = {
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
}
CLONE = {"x86_64": 56, "aarch64": 220}
PRLIMIT = {"x86_64": 302, "aarch64": 261}
CLONE3 = 435


def known() -> bool:
    """Say whether the rules are written for this machine."""
    return os.uname().machine in MACHINES and os.uname().sysname == "Linux"


def walls() -> bytes:
    """Return the rules for all that runs in a sandbox."""
    return _packed([*_begin(), *_forbidden(WALLS), (ANSWER, 0, 0, ALLOW)])


def seal() -> bytes:
    """Return the rules for a process that runs a job.

    A new thread is a `clone` that says so; `clone3` hides its flags in memory, so it answers "no
    such call" and the C library falls back to `clone`.  Limits may be read and lowered, one's own.
    """
    machine = os.uname().machine
    code = [*_begin(), *_forbidden(SEAL)]
    code += [(IF_EQUAL, 0, 1, CLONE3), (ANSWER, 0, 0, ERRNO | ENOSYS)]
    allow, refuse = (ANSWER, 0, 0, ALLOW), (ANSWER, 0, 0, ERRNO | EPERM)
    code += [(IF_EQUAL, 0, 4, PRLIMIT[machine]), (LOAD, 0, 0, FIRST)]
    code += [(IF_EQUAL, 0, 1, 0), allow, refuse]
    code += [(IF_EQUAL, 0, 4, CLONE[machine]), (LOAD, 0, 0, FIRST)]
    code += [(IF_ANY, 0, 1, CLONE_THREAD), allow, refuse, allow]
    return _packed(code)


def _begin() -> list[tuple[int, int, int, int]]:
    mark = MACHINES[os.uname().machine]
    code = [(LOAD, 0, 0, MACHINE), (IF_EQUAL, 1, 0, mark), (ANSWER, 0, 0, KILL)]
    return [*code, (LOAD, 0, 0, NUMBER), (IF_AT_LEAST, 0, 1, X32), (ANSWER, 0, 0, KILL)]


def _forbidden(calls: Calls) -> list[tuple[int, int, int, int]]:
    place = list(MACHINES).index(os.uname().machine)
    code = []
    for numbers in calls.values():
        if numbers[place] >= 0:
            code += [(IF_EQUAL, 0, 1, numbers[place]), (ANSWER, 0, 0, ERRNO | EPERM)]
    return code


def _packed(code: list[tuple[int, int, int, int]]) -> bytes:
    return b"".join(struct.pack("=HBBI", *line) for line in code)
