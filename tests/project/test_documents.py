"""README.md and .env.example say what is true."""

import json
import re
import shlex

import pytest
from django.test import Client

from tests.documents import README, ROOT


def names_read_by_settings() -> set[str]:
    source = (ROOT / "project" / "settings.py").read_text()
    return set(re.findall(r'(?:env\.\w+|one_of)\(\s*"([A-Z_]+)"', source))


def test_env_example_lists_every_setting_once() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = [line.partition("=")[0].lstrip("#") for line in lines if "=" in line]
    assert sorted(listed) == sorted(names_read_by_settings() - {"ENV_FILE"})


def test_the_readme_explains_every_setting() -> None:
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \|", table, flags=re.MULTILINE)
    assert sorted(rows) == sorted(names_read_by_settings())


def test_the_readme_and_env_example_agree_on_the_defaults() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", README, flags=re.MULTILINE)
    example = (ROOT / ".env.example").read_text()
    told = {name: default for name, default in rows if name != "ENV_FILE"}
    assert told
    assert [
        name for name, value in told.items() if f"#{name}={value}\n" not in example
    ] == []


def test_every_make_target_stands_in_the_readme() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)
    assert [name for name in targets if f"`make {name}`" not in README] == ["help"]


def test_every_picture_of_the_readme_exists() -> None:
    pictures = re.findall(r"\((docs/[^)]+)\)", README)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).exists()] == []


def curl_commands() -> list[list[str]]:
    joined = README.replace("\\\n", " ")
    blocks = re.findall(r"```sh\n(.*?)```", joined, flags=re.DOTALL)
    lines = [line for block in blocks for line in re.split(r"\n(?=\S)", block)]
    commands = [shlex.split(line) for line in lines if line.startswith("curl ")]
    return [command for command in commands if "--data" in command]


@pytest.mark.django_db
@pytest.mark.parametrize("command", curl_commands())
def test_the_curl_examples_are_accepted(
    command: list[str], client: Client, sqs: None
) -> None:
    address = next(part for part in command if part.startswith("http://"))
    named = [
        command[at + 1].split(": ")
        for at, part in enumerate(command)
        if part == "--header"
    ]
    headers = dict(named)
    answer = client.post(
        "/" + address.split("/", 3)[3],
        command[command.index("--data") + 1],
        content_type=headers.pop("Content-Type"),
        headers=headers,
    )
    assert answer.status_code == 202, answer.content
    assert json.loads(answer.content)["statusUrl"]


def test_there_are_curl_examples_to_try() -> None:
    assert len(curl_commands()) >= 3
