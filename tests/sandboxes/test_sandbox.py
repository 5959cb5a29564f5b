# ruff: noqa: E501
"""Nothing gets out of the sandbox, nothing forges a verdict, nothing outlives its limits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile import programs

from espalier.errors import MissingError
from espalier.sandbox import Job, Limits, Verdict, judge, sandboxes
from espalier.sandboxes import bubblewrap as bubblewrap_module
from espalier.sandboxes import docker as docker_module

SMALL = Limits(cpu_seconds=1, memory_mb=256, file_mb=4, wall_seconds=6.0)
NAMES = list(programs("/nowhere", 1))


def missing() -> str:
    try:
        sandboxes["bubblewrap"].check()
    except MissingError as error:
        return str(error)
    return ""


needed = pytest.mark.skipif(bool(missing()), reason=missing() or "-")


class Home:
    """What must not be reached: a file, a secret, a server, a process."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "canary"
        self.canary.write_text("sing")
        self.server = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = self.server.getsockname()[1]
        self.udp.bind(("127.0.0.1", self.port))
        for listening in (self.server, self.udp):
            listening.setblocking(False)
        self.bystander = subprocess.Popen(["sleep", "600"], env={"CANARY": "secret"})

    def close(self) -> None:
        self.bystander.kill()
        self.bystander.wait()
        self.server.close()
        self.udp.close()


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Verdict]]:
    """Run every hostile program, and look at what it must not have touched."""
    home = Home(tmp_path_factory.mktemp("home"))
    os.environ["CANARY"] = "secret"
    found = programs(str(home.canary), home.port)
    jobs = [Job(program=text, tests="assert f(1) == 2", names=("f",)) for text in found.values()]
    given = judge(sandboxes["bubblewrap"], jobs, limits=SMALL, workers=2)
    yield dict(zip(found, given, strict=True))
    del os.environ["CANARY"]
    assert home.canary.read_text() == "sing"
    assert home.bystander.poll() is None
    with pytest.raises(BlockingIOError):
        home.server.accept()
    with pytest.raises(BlockingIOError):
        home.udp.recv(1)
    home.close()
    assert not left_over()


def left_over() -> list[str]:
    """Return the sandboxes' processes that are still there."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if b"candidate.py" in words:
                found.append(entry.name)
        if not found:
            return []
        time.sleep(0.1)
    return found


@needed
@pytest.mark.slow
@pytest.mark.xdist_group("sandbox")
@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_program_scores_nothing_and_its_reason_is_told(
    verdicts: dict[str, Verdict], name: str
) -> None:
    assert not verdicts[name].passed
    assert verdicts[name].reason


@needed
@pytest.mark.xdist_group("sandbox")
def test_there_are_at_least_forty_of_them() -> None:
    assert len(NAMES) >= 40


RIGHT = {
    "a plain function": ("def f(x):\n    return x + 1", "assert f(1) == 2"),
    "numbers of every kind": (
        "def f(x):\n    return (1, 2.5, float('inf'), 1j, 2**200, True, None, b'b')",
        "assert f(0) == (1, 2.5, float('inf'), 1j, 2**200, True, None, b'b')",
    ),
    "collections of every kind": (
        "from collections import Counter, OrderedDict, defaultdict, namedtuple\n"
        "P = namedtuple('P', 'a b')\n"
        "def f(x):\n    d = defaultdict(list); d[1].append({2})\n"
        "    return [Counter('aab'), OrderedDict(a=1), d, P(1, 2), frozenset({3}), {(1, 2): 'x'}]",
        "assert f(0) == [{'a': 2, 'b': 1}, {'a': 1}, {1: [{2}]}, (1, 2), frozenset({3}), {(1, 2): 'x'}]",
    ),
    "objects of its own classes": (
        "class Node:\n    def __init__(self, v): self.v, self.left = v, None\n"
        "def f(n):\n    return n.v + (f(n.left) if n.left else 0)",
        "a = Node(1)\na.left = Node(2)\na.left.left = Node(3)\nassert f(a) == 6\nassert a.left.v == 2",
    ),
    "an object with a length and places": (
        "class S:\n    def __init__(self): self.v = []\n    def push(self, x): self.v.append(x)\n"
        "    def __len__(self): return len(self.v)\n    def __getitem__(self, i): return self.v[i]\n"
        "f = S",
        "s = f()\nassert not s\ns.push(3)\nassert s and len(s) == 1 and s[0] == s[-1] == 3\n"
        "try:\n    s[5]\nexcept IndexError:\n    pass\nelse:\n    assert False",
    ),
    "large values that no test asks for": (
        "primes = list(range(10**6))\ndef f(x):\n    return primes[x]",
        "assert f(2) == 2",
    ),
    "lists that are changed in place": (
        "def f(x):\n    x.sort()\n    x[0].append(9)",
        "a, b = [2], [1]\nc = [a, b]\nassert f(c) is None\nassert c == [[1, 9], [2]]",
    ),
    "what is yielded": ("def f(x):\n    yield from range(x)", "assert list(f(3)) == [0, 1, 2]"),
    "errors that are wanted": (
        "def f(x):\n    raise KeyError('no')",
        "try:\n    f(1)\nexcept KeyError:\n    pass\nelse:\n    assert False",
    ),
    "printing and no newline": (
        "import sys\ndef f(x):\n    print('hello'); sys.stdout.write('x'); return 2",
        "assert f(1) == 2",
    ),
    "dataclasses and typing": (
        "from dataclasses import dataclass\nfrom typing import List\n@dataclass\nclass D:\n    a: int\n"
        "def f(x: List[int]) -> int:\n    return D(x[0]).a",
        "assert f([4]) == 4",
    ),
    "a file of its own": (
        "def f(x):\n    open('note', 'w').write('n')\n    return open('note').read()",
        "assert f(1) == 'n'",
    ),
    "text of any kind": (
        "def f(x):\n    return x + '你好\\0\\ud800'",
        "assert f('é') == 'é你好\\0\\ud800'",
    ),
}


@needed
@pytest.mark.xdist_group("sandbox")
@pytest.mark.parametrize("sandbox", ["bubblewrap", "dangerously_on_this_machine"])
def test_right_programs_pass(sandbox: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no sandbox, files are written right here
    names = ("f", "Node")
    jobs = [
        Job(program=p, tests=t, names=tuple(n for n in names if n in p)) for p, t in RIGHT.values()
    ]
    told = dict(zip(RIGHT, judge(sandboxes[sandbox], jobs, limits=SMALL), strict=True))
    assert {name: v.reason for name, v in told.items() if not v.passed} == {}


@needed
@pytest.mark.xdist_group("sandbox")
def test_tests_see_the_setup_and_not_what_the_program_makes_of_its_names() -> None:
    setup = "def helper(x):\n    return x * 2"
    tests = "assert helper(f(1)) == 4\nassert abs(f(1) - 2) == 0"
    cheat = "def f(x):\n    return 7\ndef helper(x):\n    return 4\ndef abs(x):\n    return 0"
    fair = "def f(x):\n    return 2"
    jobs = [Job(program=p, tests=tests, names=("f",), setup=setup) for p in (cheat, fair)]
    assert [v.passed for v in judge(sandboxes["bubblewrap"], jobs, limits=SMALL)] == [False, True]


@needed
@pytest.mark.xdist_group("sandbox")
def test_no_program_finds_anything_of_the_one_before() -> None:
    programs = (
        "open('left', 'w').write('x')\ndef f(x): return 2",
        "import os\ndef f(x): return 2 + len(os.listdir('.'))",
        "import os\nos.chmod('.', 0o500)\ndef f(x): return 2",
        "def f(x):\n    open('left', 'w').close()\n    return 2",
        "import sys, types\nsys.modules['json'] = sys.modules['math'] = types.ModuleType('none')\n"
        "def f(x): return 2",
        "import json, math\ndef f(x): return math.isqrt(json.loads('4'))",
        "import builtins\nbuiltins.len = lambda x: 7\ndef f(x): return 2",
        "def f(x): return len([1, 2])",
    )
    jobs = [Job(program=text, tests="assert f(1) == 2", names=("f",)) for text in programs]
    given = list(judge(sandboxes["bubblewrap"], jobs, limits=SMALL, workers=1))
    assert [v.passed for v in given[1::2]] == [True] * 4, given


@needed
@pytest.mark.xdist_group("sandbox")
def test_a_verdict_is_the_same_every_time_though_sets_have_no_order() -> None:
    job = Job(
        program="def f(x):\n    return list({'a', 'b', 'c', 'd'})",
        tests="assert False, f(1)",
        names=("f",),
    )
    reasons = {v.reason for n in (1, 2) for v in judge(sandboxes["bubblewrap"], [job] * n)}
    assert len(reasons) == 1


@needed
@pytest.mark.xdist_group("sandbox")
def test_a_reason_can_be_kept_and_shown_anywhere() -> None:
    job = Job(
        program="def f(x):\n    raise ValueError('\\ud800\\x1b[2J\\x00\\nend')",
        tests="assert f(1) == 2",
        names=("f",),
    )
    [verdict] = judge(sandboxes["bubblewrap"], [job], limits=SMALL)
    assert verdict.reason.encode().endswith(b"end")
    assert verdict.reason.isprintable()


@needed
@pytest.mark.xdist_group("sandbox")
def test_many_programs_in_one_sandbox_leave_no_descriptor_and_no_process_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    job = Job(program="def f(x):\n    return 2", tests="assert f(1) == 2", names=("f",))
    assert all(v.passed for v in judge(sandboxes["bubblewrap"], [job] * 100, limits=SMALL))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not left_over()


@needed
@pytest.mark.xdist_group("sandbox")
def test_wall_clock_time_that_is_not_spent_computing_is_no_failure() -> None:
    job = Job(
        program="import time\ndef f(x):\n    time.sleep(2.5)\n    return 2",
        tests="assert f(1) == 2",
        names=("f",),
    )
    [verdict] = judge(sandboxes["bubblewrap"], [job], limits=SMALL)  # 1 s of CPU time
    assert verdict.passed


@needed
@pytest.mark.xdist_group("sandbox")
def test_reasons_tell_what_happened() -> None:
    jobs = {
        "def f(x):\n    return 7": "line 1 of the tests: AssertionError",
        "def f(x):\n    while True: pass": "more than 1 s of CPU time",
        "def f(x):\n    return 1 / 0": "ZeroDivisionError",
        "def g(x):\n    return 2": "it does not define f",
        "def f(x) return": "SyntaxError",
        "import ctypes\ndef f(x):\n    ctypes.string_at(0)": "segmentation fault",
        "x" * (2**20 + 1): "more than 1,048,576 characters",
        "'\ud800'": "lone surrogate",
    }
    given = [Job(program=p, tests="assert f(1) == 2", names=("f",)) for p in jobs]
    for verdict, reason in zip(
        judge(sandboxes["bubblewrap"], given, limits=SMALL), jobs.values(), strict=True
    ):
        assert reason in verdict.reason


@needed
@pytest.mark.xdist_group("sandbox")
def test_a_crash_is_told_even_if_it_is_asked_about_while_the_process_still_ends() -> None:
    crash = Job(
        program="import ctypes\ndef f(x):\n    ctypes.string_at(0)",
        tests="assert f(1) == 2",
        names=("f",),
    )
    told = {v.reason for v in judge(sandboxes["bubblewrap"], [crash] * 150, limits=SMALL)}
    assert told == {"it ended before the tests did (it crashed: segmentation fault)"}


def test_a_missing_sandbox_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bubblewrap_module.shutil, "which", lambda name: None)
    bubblewrap_module._check.cache_clear()
    with pytest.raises(MissingError, match="apt install bubblewrap"):
        list(judge(sandboxes["bubblewrap"], [Job(program="", tests="")]))
    bubblewrap_module._check.cache_clear()
    monkeypatch.setattr(docker_module.shutil, "which", lambda name: None)
    docker_module._check.cache_clear()
    with pytest.raises(MissingError, match="docker is not installed"):
        sandboxes["docker"].check()
    docker_module._check.cache_clear()


@needed
@pytest.mark.xdist_group("sandbox")
def test_an_older_bubblewrap_is_asked_for_nothing_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bubblewrap_module, "_version", lambda: (0, 6))
    programs = ("def f(x): return 2", "open('left', 'w')\ndef f(x): return 2")
    jobs = [Job(program=text, tests="assert f(1) == 2", names=("f",)) for text in programs]
    right, writes = judge(sandboxes["bubblewrap"], jobs, limits=SMALL, workers=1)
    assert right.passed
    assert "Read-only file system" in writes.reason


def test_docker_is_given_no_network_no_root_and_limits() -> None:
    start = sandboxes["docker"].start("print(1)", SMALL)
    told = " ".join(start.command)
    for wanted in (
        *("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges"),
        *("--user 65534:65534", "--pids-limit 32", "--memory 320m", "--ulimit cpu=1:2"),
        "--pull never",
    ):
        assert wanted in told
    assert start.name in told
    assert start.command[-1] == "print(1)"
