"""What each file of a deployment starts, read from the file."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines()
)
PROCESSES = ("web", "worker", "jobs", "beat")
Commands = dict[str, list[str]]
"""By process, word by word."""


def procfile(environment: Mapping[str, str] = {}) -> Commands:
    """The four processes, as a shell with *environment* starts them."""
    return {name: words(PROCFILE[name], environment) for name in PROCESSES}


def words(command: str, environment: Mapping[str, str] = {}) -> list[str]:
    """*command* split as a shell does, with `${NAME}` and `${NAME:-default}` filled in."""

    def value(found: re.Match[str]) -> str:
        return environment.get(found[1]) or found[2] or ""

    return shlex.split(re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, command))


def loaded(path: str) -> list[Any]:
    return list(yaml.safe_load_all((ROOT / path).read_text()))


def dockerfile() -> Commands:
    """The image starts web; its command is a shell's."""
    last = (ROOT / "Dockerfile").read_text().splitlines()[-1]
    shell, option, command = json.loads(last.removeprefix("CMD "))
    assert (shell, option) == ("sh", "-c")
    return {"web": words(command.removeprefix("exec "))}


def compose() -> Commands:
    services = loaded("compose.yaml")[0]["services"]
    named = {name: services[name].get("command") for name in PROCESSES}
    assert named.pop("web") is None, "web is the image's own command"
    return {name: words(command) for name, command in named.items()}


def kubernetes() -> Commands:
    found = {}
    for name in PROCESSES:
        (container,) = loaded(f"deploy/kubernetes/{name}.yaml")[0]["spec"]["template"][
            "spec"
        ]["containers"]
        if "args" in container:
            found[name] = container["args"]
    return found


def systemd(name: str) -> tuple[list[str], dict[str, str]]:
    """The command of the unit without its folder, and the environment of the unit."""
    text = (ROOT / f"deploy/systemd/holdfast-{name}.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, flags=re.MULTILINE)
    pairs = " ".join(re.findall(r"^Environment=(.*)$", text, flags=re.MULTILINE))
    environment = dict(pair.split("=", 1) for pair in pairs.split())
    return words(
        line.removeprefix("/opt/holdfast/.venv/bin/"), environment
    ), environment


def shipped() -> set[str]:
    """What the image holds of the repository."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}
