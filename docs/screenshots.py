"""Take the pictures of README.md: `make screenshots`.

Starts the whole system with a var/ and ports of its own, and drives it with Chromium as a
customer and as staff would.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
#: Another folder can be named, so that a test takes them without changing the README's.
PICTURES = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "pictures"
SIZE: ViewportSize = {"width": 1240, "height": 740}
PATIENCE = 60  # seconds


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as var,
        running(Path(var)) as (site, password),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, base_url=site)
        page.set_default_timeout(PATIENCE * 1000)
        order(page, Path(var))
        repair(page, password)
        browser.close()


def order(page: Page, var: Path) -> None:
    page.goto("/")
    take(page, "home")
    page.goto("/orders/new")
    page.get_by_label("Customer").first.fill("C-17")
    page.get_by_label("mail").first.fill("ada@example.com")
    fill_line(page, 0, "TEA-1", "2", "4.50")
    page.get_by_role("button", name="Add a line").click()
    fill_line(page, 1, "CUP-7", "1", "12.00")
    take(page, "order", whole=True)
    with resting_worker(var):
        page.get_by_role("button", name="Send the order").click()
        expect(page.get_by_role("heading", name="Received")).to_be_visible()
        take(page, "receipt-waiting")
    expect(page.get_by_role("heading", name="Done")).to_be_visible(
        timeout=PATIENCE * 1000
    )
    take(page, "receipt-done")


def fill_line(page: Page, number: int, sku: str, quantity: str, price: str) -> None:
    line = page.locator("#lines fieldset").nth(number)
    for field, value in zip(
        line.locator("input").all(), (sku, quantity, price), strict=True
    ):
        field.fill(value)


def repair(page: Page, password: str) -> None:
    page.goto("/demo/")
    page.get_by_role("button", name="Send a broken message").click()
    take(page, "broken")
    page.goto("/admin/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    until(page, "/admin/dlq_review/deadletter/", "table.letters tbody th a")
    take(page, "dead-letters")
    page.goto("/admin/")
    take(page, "overview")
    page.goto("/admin/dlq_review/deadletter/")
    page.locator("table.letters tbody th a").click()
    letter = page.url
    take(page, "dead-letter-before")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="order_created").click()
    page.get_by_label("Reason").fill(
        "The sender lost a brace; agreed with them by phone"
    )
    take(page, "dead-letter-edit")
    page.get_by_role("button", name="Save and redrive").click()
    until(page, letter, "h1 :text('Resolved')")
    take(page, "dead-letter-after")


def until(page: Page, address: str, selector: str) -> None:
    """Load *address* until it shows *selector*."""
    end = time.monotonic() + PATIENCE
    page.goto(address)
    while not page.locator(selector).count():
        if time.monotonic() > end:
            sys.exit(f"{address} does not show {selector}.")
        page.wait_for_timeout(500)
        page.reload()


def take(page: Page, name: str, *, whole: bool = False) -> None:
    page.wait_for_load_state()
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, animations="disabled", full_page=whole)
    sys.stdout.write(f"{path} {path.stat().st_size // 1024} KB\n")


@contextmanager
def running(var: Path) -> Iterator[tuple[str, str]]:
    """The address of a system of its own, and the password of its user `staff`."""
    site = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "dev"],
        cwd=ROOT,
        env={
            **{
                name: os.environ[name]
                for name in ("PATH", "HOME")
                if name in os.environ
            },
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(var),
            "SITE_URL": site,
            "SQS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        },
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield site, password_in(process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


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
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if b"\0worker\0" in (folder / "cmdline").read_bytes()
        and mark in (folder / "environ").read_bytes()
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    return found


if __name__ == "__main__":
    main()
