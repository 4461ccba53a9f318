"""A whole system of its own, with its var/ and ports, and a camera on it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from docs.shrinking import shrink

ROOT = Path(__file__).resolve().parent.parent
#: Another folder can be named, so that a test takes them without changing the documents'.
PICTURES = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "pictures"
SIZE: ViewportSize = {"width": 1240, "height": 740}
PHONE: ViewportSize = {"width": 390, "height": 740}
PATIENCE = 60  # seconds


@dataclass(frozen=True, slots=True)
class Stage:
    site: str
    sqs: str
    password: str
    """Of the user `staff`."""
    var: Path


def until(page: Page, address: str, selector: str, count: int = 1) -> None:
    """Load *address* until it shows *selector*, *count* times."""
    end = time.monotonic() + PATIENCE
    page.goto(address)
    while page.locator(selector).count() < count:
        if time.monotonic() > end:
            sys.exit(f"{address} does not show {selector}.")
        page.wait_for_timeout(500)
        page.reload()


def take(page: Page, name: str, *, whole: bool = False) -> None:
    page.wait_for_load_state()
    path = PICTURES / f"{name}.png"
    picture = page.screenshot(animations="disabled", full_page=whole)
    path.write_bytes(shrink(picture, page))
    sys.stdout.write(f"{path} {path.stat().st_size // 1024} KB\n")


@contextmanager
def running(var: Path) -> Iterator[Stage]:
    site, sqs = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "dev"],
        cwd=ROOT,
        env=_environment(var, site, sqs),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Stage(site, sqs, password_in(process.stdout), var)
    finally:
        process.terminate()  # a shell may have told us to ignore SIGINT
        process.communicate(timeout=PATIENCE)


def _environment(var: Path, site: str, sqs: str) -> dict[str, str]:
    kept = [name for name in ("PATH", "HOME") if name in os.environ]
    return {
        **{name: os.environ[name] for name in kept},
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(var),
        "SITE_URL": site,
        "SQS_ENDPOINT_URL": sqs,
        "WORKER_NAME": "worker-1",
        "RELEASE": "2026.11.3",
    }


def password_in(output: Iterable[str] | None) -> str:
    said = ""
    for line in output or ():
        said += line
        if found := re.search(r"password (\S+)\n", line):
            return found[1]
    sys.exit(f"manage.py dev did not start:\n{said}")


@contextmanager
def resting_worker(var: Path) -> Iterator[None]:
    """The worker stands still, so that a request is seen waiting."""
    pids = worker_pids(var)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def worker_pids(var: Path) -> list[int]:
    mark = f"VAR_DIR={var}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked, or is another user's
            is_worker = b"\0worker\0" in (folder / "cmdline").read_bytes()
            if is_worker and mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    return found
