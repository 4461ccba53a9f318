"""All that the pages of the desk say and mark, in each state of what is on them.

A page is kept whole, or as the lines that differ from the one that is most like it:
a branch that is dropped or too wide, a mask or a label that is lost, changes the kept text.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk import (
    keys_and_staff,
    letters_and_groups,
    plain_rows,
    steps_and_others,
)
from tests.dlq_review.desk.letters_and_groups import NOW, Asked
from tests.kept_texts import assert_kept

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
_TEXTS = Path(__file__).with_name("said")
#: What is another in each run or database, and how it stands in the kept text.
_VARIES = [
    (r'<svg class="icon".*?#i-(\w+)"></use></svg>', r"[\1]"),
    (r"<svg class=\"(?:picture|spark|chart|mark).*?</svg>", ""),
    (r'<span class="share".*?</span>', ""),
    (r"\b(r|ORD)-(?!Last|First)[A-Z]\w*", r"\1-X"),
    (r'(csrfmiddlewaretoken" value=")\w+', r"\1..."),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "(id)"),
    (r'<time datetime="[^"]*" title="([^"]*)">', r"<time \1>"),
    (r"(#|failure group )\d+", r"\1N"),
    (r"\bseen=\d+", "seen=N"),
    (r"\bids(=|%3D)\d+(\+\d+)*", "ids=N"),
    (r'((?:value|name)="(?:letter-)?)\d{1,9}([- ]\d+)?"', r'\1N"'),
    (
        r"(?<=secret=)\w+|(?<=Key: <code>)[^<]+|(?<=<li><code>)[\w-]+(?=</code></li>)",
        "...",
    ),
    (r"\bhf_[\w-]+|(?<=label=\"QR code of the key below\">).*?</svg>", "..."),
    (r"/static/([\w/]+)[.\w]*\.(js|css|svg)", r"/\1.\2"),
]
#: A row by its number in an address, after what says of which kind it is.
_ROW = re.compile(
    r"\b(deadletter|failuregroup|operation|redrivepolicy|alertdelivery|auditentry"
    r"|staffmember|apikey|erasure|attempt|group|letter|after|discarded_by|policy)(/|=|%3D)(\d+)"
)
_KINDS = {
    **{"deadletter": "letter", "failuregroup": "group", "redrivepolicy": "policy"},
    **{"after": "operation", "discarded_by": "operation"},
}


def _numbered(text: str) -> str:
    """Each row by its turn among those of its kind: its number differs in each run."""
    seen: dict[str, list[str]] = {}

    def turn(found: re.Match[str]) -> str:
        word, between, number = found.groups()
        rows = seen.setdefault(_KINDS.get(word, word), [])
        if number not in rows:
            rows.append(number)
        place = rows.index(number) + 1
        return f"{word}{between}N{place if place > 1 else ''}"

    return _ROW.sub(turn, text)


def _lines(page: str) -> list[str]:
    """What is not the frame of every page, a line for each part."""
    head, _, rest = page.partition("</title>")
    title = head.rpartition("<title>")[2].strip()
    refreshes = re.findall(r"<noscript.*?</noscript>", rest.partition("</head>")[0])
    way = re.findall(r'<div class="breadcrumbs".*?</div>', rest, re.DOTALL)
    content = rest.partition('id="content"')[2].partition("<!-- END Content")[0]
    return _parts("\n".join([title, *refreshes, *way, content.partition(">")[2]]))


def frame(page: str) -> list[str]:
    """What is the frame of every page, a line for each part, but for Django's sidebar."""
    before, _, rest = page.partition('<button class="sticky toggle-nav-sidebar"')
    after = rest.partition("<!-- END Content")[2]
    return _parts(before.partition('id="content"')[0] + after)


def _parts(html: str) -> list[str]:
    for varying, plain in _VARIES:
        html = re.sub(varying, plain, html, flags=re.DOTALL)
    parts = re.sub(
        r"(?=<(?:li|p|button|td|th|dt|input|form|option|a)\b)", "\n", _numbered(html)
    )
    lines = (one.strip() for one in parts.split("\n"))
    return [one for one in lines if one and not re.fullmatch(r"(?:</\w+>)+", one)]


def _answer(client: Client, asked: Asked) -> list[str]:
    url, form = asked
    answer = client.get(url) if form is None else client.post(url, form)
    if answer.status_code != HTTPStatus.OK:
        return _parts(f"{answer.status_code} {answer.headers.get('Location', '')}")
    return _lines(answer.content.decode())


def _beside(lines: list[str], known: dict[str, list[str]]) -> Iterator[str]:
    """*lines*, or only what differs from the page that is most like them."""
    having = Counter(lines)
    alike = {name: (Counter(one) & having).total() for name, one in known.items()}
    like = max(alike, key=alike.__getitem__, default="")
    if not like or alike[like] * 3 < len(lines):
        yield from lines
        return
    yield f"as {like}, but"
    changes = difflib.unified_diff(known[like], lines, n=0, lineterm="")
    yield from (one for one in changes if not one.startswith(("---", "+++", "@@")))


def said(client: Client, reader: Client, asked: dict[str, Asked]) -> Iterator[str]:
    known: dict[str, list[str]] = {}
    for name, one in asked.items():
        lines = _answer(client, one)
        yield from (f"== {name}", *_beside(lines, known))
        known[name] = lines
        if name in FOR_READERS:
            found = _beside(_answer(reader, one), {name: lines})
            yield from (f"== {name}, for who may only view", *found)


def test_the_frame_of_each_page_is_for_its_reader(
    admin_client: Client, client_of: ClientOf, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = "optional"
    of = {
        "a superuser": (admin_client, "/admin/"),
        "who may only view": (client_of("view"), "/admin/"),
        "who may do nothing": (client_of(name="eve"), "/admin/"),
        "a stranger": (Client(), "/admin/login/"),
    }
    known: dict[str, list[str]] = {}
    lines: list[str] = []
    for name, (client, url) in of.items():
        found = frame(client.get(url).content.decode())
        lines += [f"== for {name}", *_beside(found, known)]
        known[name] = found
    assert_kept("\n".join(lines) + "\n", _TEXTS / "frame.txt")


#: The pages that are also those of somebody who may only view.
FOR_READERS = {
    *("a letter", "a letter that is wrong", "a letter that was edited", "letters"),
    *("a letter at its limit", "letters that were discarded"),
    *("a letter that is not yet sent", "what letters have in common"),
    *("a group of several", "a group of bob", "a group that was merged"),
    *(
        "a group that another stands in",
        "groups of all",
        "a group of what was discarded",
    ),
    *("an operation that runs", "an operation with conditions", "policies"),
    *("an operation that is done", "an operation that edited"),
    *("a policy, active", "a policy, with conditions", "find", "find a person"),
    *("a request", "alerts", "audit", "overview"),
}
KINDS: dict[str, Callable[[], dict[str, Asked]]] = {
    "letters": letters_and_groups.letters,
    "lists": letters_and_groups.lists,
    "groups": letters_and_groups.groups,
    "operations": steps_and_others.operations,
    "policies": steps_and_others.policies,
    "forms": steps_and_others.forms,
    "others": steps_and_others.others,
    "keys_and_staff": keys_and_staff.keys_and_staff,
    "rows": plain_rows.plain_rows,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_says_what_it_is_meant_to(
    kind: str, admin_client: Client, client_of: ClientOf, settings: Settings
) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups"]
    settings.STAFF_SECOND_FACTOR = "optional"
    settings.ALERT_SLACK_URL = "https://hooks.slack.com/services/x"
    with time_machine.travel(NOW, tick=False):
        text = "\n".join(said(admin_client, client_of("view"), KINDS[kind]()))
    assert_kept(f"{text}\n", _TEXTS / f"{kind}.txt")
