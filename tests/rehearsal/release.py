"""A clone of this checkout, and the processes of its Procfile with the keys of their roles."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from processing.management.supervisor import die_with_parent
from tests.chaos.children import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_COMMAND, LONGEST_STOP = 120, 60  # seconds
HOST = "shop.example.com"
PRODUCTION = {
    "SITE_URL": f"https://{HOST}",
    "ALLOWED_HOSTS": HOST,
    "BEHIND_TLS": "true",
    "TRUSTED_PROXY_COUNT": "1",
}
PROXY = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
QUICK = {
    "DLQ_PULL_SECONDS": "1",
    "DLQ_SETTLE_SECONDS": "1",
    "OPERATE_SECONDS": "1",
    "SPOOL_RELAY_SECONDS": "1",
    "RETRY_BACKOFF_BASE_SECONDS": "1",
}


class CommandError(Exception):
    """A command of the deployment failed; the text holds its last lines."""


class Release:
    """*folder* takes the clone, its logs and its database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder / "release"
        self.port = free_port()
        self._known: dict[str, str] = {}
        self._keys: dict[str, dict[str, str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def clone(self) -> str:
        """Only what is committed; return the commit."""
        git = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(self.code)]
        subprocess.run(git, check=True, timeout=LONGEST_COMMAND)
        asked = ["git", "-C", str(self.code), "rev-parse", "--short", "HEAD"]
        return subprocess.run(
            asked, check=True, capture_output=True, text=True
        ).stdout.strip()

    def configure(self, known: dict[str, str], keys: dict[str, dict[str, str]]) -> None:
        """*known* is for all processes; *keys* are those of each role."""
        self._known, self._keys = known, keys

    def procfile(self, name: str) -> str:
        lines = (self.code / "Procfile").read_text().splitlines()
        return dict(line.split(": ", 1) for line in lines)[name]

    def run(self, role: str, line: str) -> str:
        """Run *line* in a shell as *role*; return what it prints. Raises CommandError."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.code,
            env=self._environment(role),
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND,
            check=False,
        )
        if done.returncode:
            said = "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-20:])
            raise CommandError(f"{line}: exit code {done.returncode}\n{said}")
        return done.stdout

    def start(self, role: str) -> None:
        with self.log(role).open("ab") as log:
            self._running[role] = subprocess.Popen(
                ["sh", "-c", f"exec {self.procfile(role)}"],
                cwd=self.code,
                env=self._environment(role),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def stop(self, role: str) -> int:
        """As a platform does it; return the exit code."""
        process = self._running.pop(role)
        process.terminate()
        return process.wait(LONGEST_STOP)

    def kill(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    def ended(self) -> list[str]:
        """The processes that ended on their own."""
        found = self._running.items()
        return [role for role, process in found if process.poll() is not None]

    def log(self, role: str) -> Path:
        return self.folder / f"{role}.log"

    def call(self, path: str, data: Any = None) -> tuple[int, dict[str, Any]]:
        """GET, or POST of *data* as JSON, as by way of a proxy that ends TLS.

        Returns the status and the answer.
        """
        body = None if data is None else json.dumps(data).encode()
        path = path.removeprefix(f"https://{HOST}")
        address = f"http://127.0.0.1:{self.port}{path}"
        headers = {"Content-Type": "application/json", **PROXY}
        with urlopen(Request(address, body, headers), timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"{}")

    def _environment(self, role: str) -> dict[str, str]:
        here = Path(sys.executable).parent
        return {
            "PATH": f"{here}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            "ENV_FILE": os.devnull,
            "PORT": str(self.port),
            "VAR_DIR": str(self.folder / "var"),
            "SECRET_KEY": "only-rehearsed-0123456789-0123456789-0123456789-abcdef",
            "EMAIL_URL": f"filemail:///{self.folder}/mail",
            "WORKER_NAME": role,
            **PRODUCTION,
            **QUICK,
            **self._known,
            **self._keys[role],
        }
