"""Tools of each kind of file read it, and see a planted mistake. A tool that is not
installed is skipped; CONTRIBUTING.md names them."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.artefacts import ROOT
from tests.processing.sqs_server import self_signed

Lint = Callable[[Path], "subprocess.CompletedProcess[str]"]
"""Reads a copy of the repository's files in a folder."""


def tool(name: str) -> str:
    """Its path, beside this Python or on the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def schema(name: str, file: str) -> Lint:
    def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
        checker = tool("check-jsonschema")
        return run(checker, "--builtin-schema", f"vendor.{name}", file, cwd=folder)

    return lint


def hadolint(folder: Path) -> "subprocess.CompletedProcess[str]":
    return run(tool("hadolint"), "Dockerfile", cwd=folder)


def zizmor(folder: Path) -> "subprocess.CompletedProcess[str]":
    return run(tool("zizmor"), "--offline", ".github/workflows/ci.yml", cwd=folder)


def systemd(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Its complaints do not change its exit code."""
    checker, units = (
        tool("systemd-analyze"),
        sorted(folder.glob("deploy/systemd/*.service")),
    )
    for unit in units:  # programs that this machine has
        unit.write_text(
            unit.read_text()
            .replace("/opt/holdfast/.venv/bin/python", "/bin/true")
            .replace("/opt/holdfast/.venv/bin/celery", "/bin/true")
        )
    found = run(checker, "verify", *units, cwd=folder)
    said = [line for line in found.stderr.splitlines() if "holdfast" in line]
    found.returncode = found.returncode or bool(said)
    return found


def kustomize(folder: Path) -> "subprocess.CompletedProcess[str]":
    built = run(tool("kubectl"), "kustomize", "deploy/kubernetes", cwd=folder)
    if built.returncode:
        return built
    whole = folder / "built.yaml"
    release = (folder / "deploy/kubernetes/release.yaml").read_text()
    # The validator wants a name, which the cluster makes.
    release = release.replace("generateName: holdfast-release-", "name: holdfast-1")
    whole.write_text(f"{built.stdout}---\n{release}")
    return run(tool("kubernetes-validate"), "--strict", whole, cwd=folder)


def nginx(folder: Path) -> "subprocess.CompletedProcess[str]":
    server = tool("nginx")
    (folder / "pem").write_bytes(self_signed())
    site = folder / "deploy/nginx.conf"
    for path in ("certs/shop.example.com.pem", "private/shop.example.com.key"):
        site.write_text(
            site.read_text().replace(f"/etc/ssl/{path}", str(folder / "pem"))
        )
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    site.write_text(
        f"pid {folder}/pid; error_log stderr; events {{}}"
        f" http {{ access_log off; {paths} {site.read_text()} }}"
    )
    return run(server, "-e", "stderr", "-t", "-c", site, cwd=folder)


#: The lint, and a mistake that the lint must see: in which file, what becomes what.
LINTS: dict[str, tuple[Lint, str, str, str]] = {
    "compose": (
        schema("compose-spec", "compose.yaml"),
        "compose.yaml",
        "stop_grace_period",
        "stop_grace_time",
    ),
    "workflow": (
        schema("github-workflows", ".github/workflows/ci.yml"),
        ".github/workflows/ci.yml",
        "timeout-minutes",
        "timeout-minute",
    ),
    "hadolint": (hadolint, "Dockerfile", "WORKDIR /app", "WORKDIR app"),
    "zizmor": (
        zizmor,
        ".github/workflows/ci.yml",
        "@11bd71901bbe5b1630ceea73d27597364c9af683",
        "@main",
    ),
    "systemd": (
        systemd,
        "deploy/systemd/holdfast-.service.d/common.conf",
        "KillMode",
        "KilMode",
    ),
    "kubernetes": (
        kustomize,
        "deploy/kubernetes/web.yaml",
        "readinessProbe",
        "readynessProbe",
    ),
    "release": (
        kustomize,
        "deploy/kubernetes/release.yaml",
        "backoffLimit",
        "backofLimit",
    ),
    "nginx": (nginx, "deploy/nginx.conf", "proxy_read_timeout", "proxy_read_time"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Dockerfile", "compose.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("deploy", ".github"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("kind", LINTS)
def test_a_file_of_the_deployment_has_no_mistake(kind: str, folder: Path) -> None:
    found = LINTS[kind][0](folder)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.siege
@pytest.mark.parametrize("kind", LINTS)
def test_a_mistake_would_be_seen(kind: str, folder: Path) -> None:
    lint, file, right, wrong = LINTS[kind]
    text = (folder / file).read_text()
    assert right in text
    (folder / file).write_text(text.replace(right, wrong))
    found = lint(folder)
    assert found.returncode != 0
    shown = found.stdout + found.stderr
    assert ("Dockerfile" if kind == "hadolint" else wrong.rpartition("@")[2]) in shown
