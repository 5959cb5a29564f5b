"""This machine: in-process, or one worker process per slot of cores or GPUs.

Every slot is a pool of one process.  So a worker that is killed (out of memory, say) fails the
step it was making and nothing else: its slot gets a new process.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from shutil import which
from subprocess import run as call_program
from typing import Self, TypeVar

from espalier.errors import EspalierError
from espalier.step import Site

T = TypeVar("T")


class WorkerDied(EspalierError):  # noqa: N818  it is what happened, not a kind of mistake
    """The process that made a step ended without a word."""


class _Slot:
    """One worker process, started when it is first needed."""

    def __init__(self, site: Site, gpu: int | None) -> None:
        self.site, self.gpu, self.busy = site, gpu, False
        self.pool: ProcessPoolExecutor | None = None

    def submit(self, call: Callable[[Site], T]) -> Future[T]:
        self.busy = True
        answer: Future[T] = Future()
        try:
            done = self._open().submit(call, self.site)
        except BrokenProcessPool:  # it died while nothing ran in it
            self.pool = None
            done = self._open().submit(call, self.site)
        done.add_done_callback(lambda done: self._pass(done, answer))
        return answer

    def _open(self) -> ProcessPoolExecutor:
        """Return the slot's pool, with a process of its own."""
        if self.pool is None:
            self.pool = ProcessPoolExecutor(
                max_workers=1,
                mp_context=get_context("spawn"),
                initializer=_begin,
                initargs=(os.getpid(), self.site.threads, self.gpu),
            )
        return self.pool

    def _pass(self, done: Future[T], answer: Future[T]) -> None:
        self.busy = False
        error = done.exception()
        if isinstance(error, BrokenProcessPool):
            self.pool = None  # the next call gets a new process
            error = WorkerDied(
                "the worker process was killed; most often it ran out of memory: "
                "use fewer --workers, or a smaller --micro-tokens"
            )
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(done.result())

    def stop(self) -> None:
        if self.pool is not None:
            for process in list((self.pool._processes or {}).values()):
                process.kill()
            self.pool.shutdown(wait=True, cancel_futures=True)
            self.pool = None


class Local:
    """The executor of one machine."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        device: str = "auto",
        threads: int = 1,
        micro_tokens: int = Site.micro_tokens,
        gradient_checkpointing: bool = Site.gradient_checkpointing,
        checkpoint_seconds: float = Site.checkpoint_seconds,
    ) -> None:
        gpus = count_gpus() if device in ("auto", "cuda") else 0
        if device == "cuda" and not gpus:
            raise EspalierError("device cuda: no NVIDIA GPU found here; use --device cpu")
        if workers is None:
            workers = gpus or max(1, available_cores() // threads)
        if workers < 0 or threads < 1:
            raise EspalierError("workers: 0 (in this process) or more; threads: 1 or more")
        kind = "cuda" if gpus else "cpu"
        here = Site(
            device=kind,
            threads=threads,
            micro_tokens=micro_tokens,
            gradient_checkpointing=gradient_checkpointing,
            checkpoint_seconds=checkpoint_seconds,
        )
        self.in_process = workers == 0
        self.slots = max(1, workers)
        self._slots = [_Slot(here, i % gpus if gpus else None) for i in range(self.slots)]

    def submit(self, call: Callable[[Site], T]) -> Future[T]:
        """Run `call` in a free slot, or at once in this process where there are no workers."""
        if self.in_process:
            answer: Future[T] = Future()
            try:
                answer.set_result(call(self._slots[0].site))
            except Exception as error:  # a failed step is an entry in the outcome
                answer.set_exception(error)
            return answer
        return next(slot for slot in self._slots if not slot.busy).submit(call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for slot in self._slots:
            slot.stop()


local = Local
"""What the shelf hands out: `executors["local"](workers=2, device="auto", threads=1, ...)`."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_gpus() -> int:
    """Count the NVIDIA GPUs without loading torch; `CUDA_VISIBLE_DEVICES` is respected."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([part for part in visible.split(",") if part.strip() and part.strip() != "-1"])
    program = which("nvidia-smi")
    if program is None:
        return 0
    listed = call_program([program, "-L"], capture_output=True, text=True, check=False)  # noqa: S603
    return listed.stdout.count("GPU ")


def _begin(parent: int, threads: int, gpu: int | None) -> None:
    """Prepare a worker: quiet on Ctrl-C (its parent ends it), gone soon after its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if gpu is not None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[gpu] if visible else str(gpu)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process once its parent is gone, even by `kill -9`."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
