"""What texts say for a fact is so: names of settings, commands with their options, numbers.

No text is repeated here; what can be looked up in it is looked up.
"""

import ast
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import get_commands, load_command_class

from dlq_review.bodies import formatting, patch_for_body
from dlq_review.desk import (
    edit_many_views,
    example_views,
    facet_views,
    freezing,
    group_verdict,
    letter_page,
    request_summary,
)
from dlq_review.facets import card, processed
from dlq_review.letters import current_event, revisions
from dlq_review.operations import edit_preview, progress
from dlq_review.search import full_text, veil
from processing.infrastructure.alarms import ALARMS
from processing.models.history import ALIVE
from tests.documents import ROOT, document

PACKAGES = ("processing", "dlq_review", "intake", "project")
SOURCES = [
    one
    for package in PACKAGES
    for one in (ROOT / package).rglob("*.py")
    if "migrations" not in one.parts
]
TEXTS = [*(ROOT / "templates").rglob("*.*"), ROOT / "README.md"]
TEXTS += [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
EXPLAINED = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", document("settings.md"), re.M))
#: Names in capitals that are no settings of ours, but of AWS or of the programs below us.
OF_OTHERS = {
    "AWS_ACCOUNT_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "DJANGO_SETTINGS_MODULE",
}


#: A line with a text that names a setting or a command; parsing all files takes seconds.
WORTH_READING = re.compile(r"""["'][^"'\n]*(?:\b[A-Z]+_[A-Z]|manage\.py )""")


@cache
def strings(file: Path) -> list[str]:
    """The texts in the code of *file*, without those that only developers read."""
    if not WORTH_READING.search(file.read_text()):
        return []
    nodes = list(ast.walk(ast.parse(file.read_text())))
    silent = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in silent
    ]


def test_every_setting_that_a_text_names_is_explained() -> None:
    name = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
    wrong = {
        f"{file.relative_to(ROOT)}: {one}"
        for file in SOURCES
        for text in strings(file)
        if re.search(r"[a-z] |, | [a-z]", text)
        and not re.search(r"SELECT|UPDATE", text)
        for one in name.findall(text)
        if one not in EXPLAINED | OF_OTHERS
    }
    assert wrong == set()


#: A command as a text names it, with the options behind it.
COMMAND = re.compile(
    r"manage\.py ([a-z_]+)((?: +(?:--[a-z][a-z-]*|[A-Z]{2,}|[\w.,/]+(?= --)))*)"
)


@cache
def options_of(command: str) -> set[str]:
    app = get_commands()[command]
    found = load_command_class(app, command) if isinstance(app, str) else app
    parser: ArgumentParser = found.create_parser("manage.py", command)
    return {name for action in parser._actions for name in action.option_strings}


def named_commands() -> Iterator[tuple[str, str, str]]:
    for file in (*SOURCES, *TEXTS):
        is_code = file.suffix == ".py"
        for text in strings(file) if is_code else [file.read_text()]:
            for command, rest in COMMAND.findall(text):
                yield file.name, command, rest


def test_every_command_and_option_that_a_text_names_exists() -> None:
    known = get_commands()
    wrong, seen = set(), 0
    for file, command, rest in named_commands():
        seen += 1
        if command not in known:
            wrong.add((file, command))
            continue
        for option in re.findall(r"--[a-z][a-z-]*", rest):
            if option not in options_of(command):
                wrong.add((file, f"{command} {option}"))
    assert wrong == set()
    assert seen > 60


def test_the_table_of_commands_names_options_that_they_have() -> None:
    table = document("desk.md").partition("## From the shell")[2]
    rows = re.findall(r"^\| `python manage\.py (\w+)[^`]*` \| (.*) \|$", table, re.M)
    assert len(rows) > 10
    for command, text in rows:
        for option in re.findall(r"`(--[a-z][a-z-]*)", text):
            assert option in options_of(command), f"{command} {option}"


KIB = 1024
MIB = 1024 * 1024
EDIT, DESK = "templates/dlq_review/edit.html", "docs/desk.md"
LONG = revisions.LONGEST_EDIT // KIB
#: A file, what stands in it around a number, and the constant that the number is.
NUMBERS: list[tuple[str, str, int]] = [
    (EDIT, "longer than the {} KiB that can be edited", LONG),
    ("dlq_review/letters/revisions.py", "Longer than {} KiB; shorten it.", LONG),
    ("templates/dlq_review/edit/_text.html", 'maxlength="{}"', revisions.LONGEST_EDIT),
    (
        "templates/dlq_review/letter.html",
        "Cut after {} KiB.",
        formatting.LONGEST_SHOWN // KIB,
    ),
    (
        "templates/dlq_review/edit_many.html",
        "becomes valid: {} first, then",
        int(edit_many_views._PLAN["canary"]),
    ),
    (DESK, "The form reads the {} newest letters", edit_many_views.SAMPLE),
    (DESK, "A list of more than {} places", patch_for_body.MOST_PLACES),
    (DESK, "the first {}\nletters, or at as many", edit_preview.LOOKED_AT),
    (DESK, "as many as hold {} MiB. It says how many", edit_preview.MOST_READ // MIB),
    (DESK, "looks at the newest {} letters\nthat wait", group_verdict.MOST),
    (DESK, "looks at the {} newest letters of a group", facet_views.OF_GROUP),
    (DESK, "at the {} newest on its own page", card.SAMPLE),
    (DESK, "as many\nas hold {} MiB. It says so", current_event.MOST_READ // MIB),
    (DESK, "from the newest {} outcomes", processed.OUTCOMES),
    (DESK, "reads the first\n{} characters of each body", full_text.LONGEST),
    (DESK, "at most {} letters for words", full_text.MOST),
    (DESK, "searches the newest {} bodies", full_text.NEWEST_UNINDEXED),
    (DESK, "longer than {} MiB\ntogether", veil.MOST_MASKED // MIB),
    (DESK, "reads up to {} bodies", freezing.MOST_READ),
    (DESK, "none has for {} s", int(ALIVE.total_seconds())),
    (DESK, "the first {} fields and items", request_summary._MOST_FIELDS),
    (DESK, "the newest {} revisions and arrivals", letter_page.MOST),
]
#: Numbers that a text says in a word.
WORDS = [
    (DESK, "all that went first, or at least {}.", progress.ENOUGH, {10: "ten"}),
    (DESK, "redriven, {} first, with the same", example_views.CANARY, {5: "five"}),
]


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("file", "sentence", "number"), NUMBERS)
def test_a_number_in_a_text_is_the_constant(
    file: str, sentence: str, number: int
) -> None:
    text = squeezed((ROOT / file).read_text())
    told = {squeezed(sentence.format(one)) for one in (f"{number:,}", number)}
    assert any(one in text for one in told), told


@pytest.mark.parametrize(("file", "sentence", "number", "words"), WORDS)
def test_a_number_in_words_is_the_constant(
    file: str, sentence: str, number: int, words: dict[int, str]
) -> None:
    said = squeezed(sentence.format(words[number]))
    assert said in squeezed((ROOT / file).read_text())


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_says_the_numbers_that_it_watches(alarm: object) -> None:
    sentence: str = alarm.sentence  # type: ignore[attr-defined]
    above: int = alarm.above  # type: ignore[attr-defined]
    watch = alarm.cloudwatch  # type: ignore[attr-defined]
    minutes = int(watch.period * watch.times / 60)
    told = [int(one.replace(",", "")) for one in re.findall(r"\b\d[\d,]*", sentence)]
    late = django_settings.ALERT_PULL_LATE_SECONDS // 60
    known = {above, minutes, watch.period // 60, *([late] if watch.dlq else ())}
    assert set(told) <= known, sentence
    if found := re.search(r"(?:More|longer) than ([\d,]+)(?! minutes)", sentence):
        assert int(found[1].replace(",", "")) == above
