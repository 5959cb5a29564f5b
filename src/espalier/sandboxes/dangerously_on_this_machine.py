"""No sandbox at all: model-written code runs as you, with your files and your network.

Limits on CPU time, memory and file size hold, and nothing else does.  For machines that are
thrown away afterwards.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

from espalier.sandbox import Limits, Start


class Dangerously:
    """The sandbox that is none."""

    shared = False

    def check(self) -> None:
        """Accept any machine: whoever names this has read its name."""

    def start(self, text: str, limits: Limits) -> Start:  # noqa: ARG002
        """Return how to start Python on `text`, here."""
        python: str = getattr(sys, "_base_executable", sys.executable)
        return Start(command=[python, "-s", "-P", "-S", "-B", "-c", text])

    def stop(self, process: subprocess.Popen[bytes], start: Start) -> None:  # noqa: ARG002
        """Kill the process and those of its group."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


dangerously_on_this_machine = Dangerously()
