"""Docker: a container without network, capabilities or a writable root, for each process.

Wants an engine and the image (`docker pull python:3.11-slim`).  Several times slower to start than
bubblewrap.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from contextlib import suppress
from functools import cache

from espalier.errors import MissingError
from espalier.sandbox import CLEAN, Limits, Start

IMAGE = "python:3.11-slim"


class Docker:
    """The sandbox `docker`."""

    shared = False

    def check(self) -> None:
        """Raise `MissingError` where there is no engine or no image."""
        _check()

    def start(self, text: str, limits: Limits) -> Start:
        """Return how to start Python on `text` in a container of its own."""
        name = f"espalier-{secrets.token_hex(8)}"
        walls = ["--rm", "--interactive", "--name", name, "--network", "none", "--pull", "never"]
        walls += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        walls += ["--user", "65534:65534", "--pids-limit", "32", "--ipc", "none"]
        walls += ["--memory", f"{limits.memory_mb + 64}m", "--memory-swap", "0"]
        walls += ["--ulimit", f"cpu={limits.cpu_seconds}:{limits.cpu_seconds + 1}"]
        walls += ["--tmpfs", f"/box:size={limits.file_mb}m,mode=1777", "--workdir", "/box"]
        for key, value in CLEAN.items():
            walls += ["--env", f"{key}={value}"]
        program = ["python", "-s", "-P", "-S", "-B", "-c", text]
        return Start(command=["docker", "run", *walls, IMAGE, *program], name=name)

    def stop(self, process: subprocess.Popen[bytes], start: Start) -> None:
        """Kill the container: it would outlive its client."""
        subprocess.run(  # noqa: S603
            ["docker", "kill", start.name],  # noqa: S607
            capture_output=True,
            check=False,
        )
        with suppress(ProcessLookupError):
            process.kill()


docker = Docker()


@cache
def _check() -> None:
    if not shutil.which("docker"):
        raise MissingError("the sandbox docker: docker is not installed; install it, or bubblewrap")
    told = subprocess.run(  # noqa: S603
        ["docker", "image", "inspect", IMAGE],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        said = (told.stderr.strip() or "no answer").splitlines()[-1]
        raise MissingError(
            f"the sandbox docker: {said}; start the engine and `docker pull {IMAGE}`"
        )
