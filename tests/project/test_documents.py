"""The documents and .env.example say what is true."""

import json
import re
import shlex
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest
from django.test import Client

from tests.documents import CONTRIBUTING, README, ROOT, document

SETTINGS = document("settings.md")
ALL = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


def names_read_by_settings() -> set[str]:
    files = (ROOT / "project" / "settings").glob("*.py")
    source = "".join(one.read_text() for one in files)
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))


def test_env_example_lists_every_setting_once() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = [line.partition("=")[0].lstrip("#") for line in lines if "=" in line]
    assert sorted(listed) == sorted(names_read_by_settings() - {"ENV_FILE"})


def test_every_setting_is_explained_once() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", SETTINGS, flags=re.MULTILINE)
    assert sorted(rows) == sorted(names_read_by_settings())


def test_the_readme_explains_ten_of_the_settings() -> None:
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \|", table, flags=re.MULTILINE)
    assert len(rows) == 10
    assert set(rows) <= names_read_by_settings()


def test_the_readme_shows_a_picture_and_the_commands_in_250_words() -> None:
    start = " ".join(README.split()[:250])
    assert "](docs/flow.svg)" in start
    assert "make run" in start
    assert "make test" in start


def test_the_settings_and_env_example_agree_on_the_defaults() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", SETTINGS, flags=re.MULTILINE)
    example = (ROOT / ".env.example").read_text()
    told = {name: default for name, default in rows if name != "ENV_FILE"}
    assert told
    assert [
        name for name, value in told.items() if f"#{name}={value}\n" not in example
    ] == []


def test_contributing_explains_every_make_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)
    assert [name for name in targets if f"`make {name}`" not in CONTRIBUTING] == [
        "help"
    ]


def heading_marks(text: str) -> set[str]:
    """The marks that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-")
        for one in headings
    }


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.name)
def test_every_link_and_picture_leads_somewhere(file: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text())
    for link in links:
        if link.startswith("http"):
            continue
        path, _, mark = link.partition("#")
        goal = file.parent / path if path else file
        assert goal.exists(), link
        assert not mark or mark in heading_marks(goal.read_text()), link


#: As `package/module.py`, and what it holds as `package/module.py:Class.method`.
CODE = re.compile(r"`([\w/]+\.py)(?::([\w.]+))?`")


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.name)
def test_every_module_and_function_that_is_named_exists(file: Path) -> None:
    for path, name in CODE.findall(file.read_text()):
        assert (ROOT / path).exists(), path
        if name:
            module = import_module(path.removesuffix(".py").replace("/", "."))
            assert attrgetter(name)(module), f"{path}:{name}"


def test_the_architecture_names_the_code_of_every_hop() -> None:
    named = [path for path, name in CODE.findall(document("architecture.md")) if name]
    assert {path.partition("/")[0] for path in named} == {
        "dlq_review",
        "intake",
        "processing",
    }
    assert len(named) > 50


def test_the_architecture_names_every_test_of_a_crash_order() -> None:
    files = (ROOT / "tests/crash_points").glob("test_*.py")
    source = "".join(one.read_text() for one in files)
    tests = re.findall(r"^def (test_\w+)", source, flags=re.MULTILINE)
    named = re.findall(r"`(test_\w+)`", document("architecture.md"))
    of_two = "test_of_two_who_redrive_at_once_one_is_told"  # a race, and no crash
    assert sorted(named) == sorted({*tests} - {of_two})


def curl_commands() -> list[list[str]]:
    joined = (README + document("api.md")).replace("\\\n", " ")
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
    assert len(curl_commands()) >= 4


@pytest.mark.parametrize("name", ["metrics", "retention", "rights"])
def test_the_tables_of_a_document_are_those_that_the_code_declares(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = import_module(f"docs.{name}")
    assert tables.main(["--check"]) == 0, f"python -m docs.{name} --write"
    text = tables.DOCUMENT.read_text()
    stale = tmp_path / "stale.md"
    row = tables.table().splitlines(keepends=True)[-1]
    stale.write_text(text.replace(row, ""))
    monkeypatch.setattr(tables, "DOCUMENT", stale)
    assert tables.main(["--check"]) == 1
    assert tables.main(["--write"]) == 0
    assert stale.read_text() == text
