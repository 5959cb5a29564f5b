"""The local executor: slots, what it is told, and how it ends."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from espalier.errors import EspalierError
from espalier.executor import executors
from espalier.executors.local import Local, WorkerDied, available_cores, count_gpus
from espalier.step import Site


def who(site: Site) -> tuple[int, str, int, str]:
    return os.getpid(), site.device, site.threads, os.environ.get("OMP_NUM_THREADS", "")


def die(site: Site) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(site: Site) -> None:
    raise EspalierError("not today")


def dawdle(site: Site) -> None:
    time.sleep(600)


def test_no_workers_means_in_this_process() -> None:
    with executors["local"](workers=0, device="cpu", threads=2) as executor:
        assert executor.slots == 1
        pid, device, threads, _ = executor.submit(who).result()
    assert (pid, device, threads) == (os.getpid(), "cpu", 2)


def test_in_process_a_failure_is_the_calls_own_but_an_interrupt_goes_through() -> None:
    def interrupt(site: Site) -> None:
        raise KeyboardInterrupt

    with Local(workers=0, device="cpu") as executor:
        assert isinstance(executor.submit(refuse).exception(), EspalierError)
        with pytest.raises(KeyboardInterrupt):
            executor.submit(interrupt)


def test_workers_are_other_processes_with_their_threads_set() -> None:
    with Local(workers=2, device="cpu", threads=1) as executor:
        found = [executor.submit(who) for _ in range(2)]
        wait(found)
        assert len({f.result()[0] for f in found} | {os.getpid()}) == 3
        assert {f.result()[3] for f in found} == {"1"}
        failed = executor.submit(refuse)
        assert str(failed.exception()) == "not today"
        died = executor.submit(die)
        assert isinstance(died.exception(), WorkerDied)
        assert executor.submit(who).result()[0] != os.getpid()  # the slot has a new process


def test_a_worker_that_dies_between_two_calls_is_replaced() -> None:
    with Local(workers=1, device="cpu") as executor:
        first = executor.submit(who).result()[0]
        os.kill(first, signal.SIGKILL)
        time.sleep(0.5)
        assert executor.submit(who).result()[0] != first


def test_leaving_ends_what_runs_at_once() -> None:
    begun = time.monotonic()
    with Local(workers=1, device="cpu") as executor:
        pid = executor.submit(who).result()[0]
        executor.submit(dawdle)
    assert time.monotonic() - begun < 60
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("options", [{"workers": -1}, {"workers": 1, "threads": 0}])
def test_impossible_numbers_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(EspalierError, match=r"workers: 0 .* or more; threads: 1 or more"):
        Local(device="cpu", **options)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(EspalierError, match="no NVIDIA GPU found here; use --device cpu"):
        Local(device="cuda")


@pytest.mark.parametrize(("visible", "count"), [("0,1", 2), ("", 0), ("-1", 0), ("3", 1)])
def test_visible_gpus_are_counted_without_torch(
    visible: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert count_gpus() == count


def test_each_gpu_is_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    with Local() as executor:
        assert executor.slots == 2
        assert [slot.gpu for slot in executor._slots] == [0, 1]
        assert [slot.site.device for slot in executor._slots] == ["cuda", "cuda"]


def test_where_there_is_no_gpu_each_core_is_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with Local() as executor:
        assert executor.slots == available_cores()


def test_no_gpus_are_counted_where_there_is_no_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert count_gpus() == 0
