"""No address of the admin answers with an error of ours, whatever stands in it.

Every address that the resolver knows is asked for and posted to, with ids, parts of paths and
queries as strangers and broken links bring them.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import given, settings
from hypothesis import strategies as st

from dlq_review.bodies import json_patch
from dlq_review.models import DeadLetter, RedrivePolicy
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.models import User
from tests.builders import dead_letter, failed_attempt, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db

NUMBERS = ("0", "9" * 20, "9" * 5_000, "2147483648")
WORDS = ("csv", "%00", "%ED%A0%BD", "a" * 300, "_ZZ")
VALUES = (
    "",
    "0",
    "-1",
    "1.5",
    "2147483648",
    "9" * 20,
    "9" * 5_000,
    "\u0661",
    "\u00b2",
    "1,2",
    "\x00",
    "a\x00b",
    "\ud83d",
    "\ufffe\u202e",
    "true",
    "None",
    "9999-12-31T23:59:59-14:00_1",
    "0001-01-01T00:00:00+14:00_1",
    "2026-13-45",
    "7d",
    "nan",
    "(" * 40 + "[",
    "a " * 400,
    "b " * 1_900,
    "c " * 200,
    "a" * 3_000,
    "%s %(x)s \\",
    "' OR 1=1 --",
)
TELLING = ("\x00", "\ud83d", "9" * 5_000)
LESS_TELLING = ("2147483648", "")
SLOW = (pytest.mark.siege, pytest.mark.long)


def marks_of(value: str) -> tuple[pytest.MarkDecorator, ...]:
    if value in TELLING:
        return ()
    return (pytest.mark.siege,) if value in LESS_TELLING else SLOW


EACH = [pytest.param(value, marks=marks_of(value)) for value in VALUES]
"""Those that found most, and the others where there is time."""


def name_of(value: str) -> str:
    return ascii(value)[:30]


NAMES = (
    *("q", "p", "o", "all", "e", "_to_field", "_popup", "_facets", "before", "after"),
    *("state", "queue", "type", "error", "since", "group", "ids", "kind", "fields"),
    *("chosen", "example", "id", "id__exact", "id__in", "id__gt", "pk", "kind__exact"),
    *("state__exact", "verb__exact", "status__exact", "is_active__exact", "at__gte"),
    *("refused_for_good__exact", "permanent__exact", "groups__id__exact", "nothing"),
    *("request_id__regex", "letter__request_id__exact", "_changelist_filters", "next"),
    *("body__contains", "queue__isnull", "started_at__date", "field", ""),
)
POSTED = (
    *("body", "reason", "based_on", "revision", "to", "told", "next", "chosen", "kind"),
    *("ids", "group", "queue", "type", "error", "since", "field", "patch", "limit"),
    *(
        "rate",
        "canary",
        "stop_at",
        "override_limit",
        "redrive",
        "note",
        "into",
        "member",
        "every",
        "times",
        "most",
        "probe",
        "events",
        "url",
        "until",
    ),
    *("username", "password", "password1", "password2", "usable_password", "name"),
    *("email", "groups", "is_active", "action", "index", "_selected_action", "_save"),
)


DESK = "/admin/dlq_review/"
#: The lists and the form for many, with the names that they read from a query.
KNOWN = {
    f"{DESK}deadletter/": (
        "q",
        "p",
        "state",
        "queue",
        "error",
        "since",
        "group",
        "before",
        "field",
    ),
    f"{DESK}deadletter/common/": ("q", "p", "field", "state"),
    f"{DESK}deadletter/export/csv/": ("q", "type", "group", "after"),
    f"{DESK}failuregroup/": ("q", "p", "o", "state", "queue"),
    f"{DESK}operation/": ("q", "state__exact", "created_at__year", "all"),
    f"{DESK}operation/new/": ("ids", "group", "kind", "since", "chosen", "q"),
    f"{DESK}redrivepolicy/": ("q", "state__exact", "probe__exact", "p"),
    f"{DESK}redrivepolicy/new/": ("group", "queue", "type", "error"),
    f"{DESK}operation/edit/": ("ids", "group", "path", "since", "field"),
    f"{DESK}alertdelivery/": ("q", "state", "channel", "kind", "created_at__year"),
    f"{DESK}auditentry/": ("verb__exact", "letter__request_id__exact", "at__gte"),
    "/admin/processing/order/": ("q", "status__exact", "e", "_to_field"),
    "/admin/auth/group/": ("q",),
    "/admin/axes/accesslog/": ("q",),
    "/admin/processing/attempt/": ("permanent__exact", "started_at__date"),
    "/admin/processing/staffmember/": ("is_active__exact", "groups__id__exact"),
}


POLICY = {
    **{"queue": "orders", "type": "", "error": "", "field": "", "every": "15"},
    **{"times": "3", "most": "200", "canary": "3", "stop_at": "20", "rate": "50"},
    **{"probe": "http", "events": "", "url": "https://x.example", "reason": "x"},
}


def forms(rows: str) -> dict[str, dict[str, str]]:
    """Forms that are valid as they stand, by their address."""
    letter = f"{DESK}deadletter/{rows}"
    group = f"{DESK}failuregroup/{DeadLetter.objects.get(pk=rows).group_id}"
    many = {"rate": "50", "canary": "5", "stop_at": "20", "reason": "x"}
    asked = {
        "ids": rows,
        "group": "",
        "field": "",
        "limit": "",
        "since": "",
        "error": "",
    }
    patch = '[{"op": "add", "path": "/a", "value": 1}]'
    return {
        f"{DESK}operation/new/": {"kind": "redrive", **many, **asked},
        f"{DESK}operation/new/?": {"kind": "fix", "patch": patch, **many, "ids": rows},
        f"{DESK}redrivepolicy/new/": POLICY
        | {"group": "", "until": RedrivePolicy.today().isoformat()},
        f"{DESK}operation/edit/": {
            **{"path": "/data/currency", "was": '"XXX"', "new": "EUR", "remove": ""},
            **{"reason": "x", "redrive": "on"},
        },
        f"{letter}/example/": {"revision": "0", "reason": "x", "redrive": "on"},
        f"{letter}/edit/": {
            "body": "{}",
            "reason": "x",
            "based_on": "0",
            "redrive": "",
        },
        f"{group}/annotate/": {"note": "x"},
        f"{group}/merge/": {"into": "1", "reason": "x"},
        f"{letter}/discard/": {"reason": "", "told": "x"},
        f"{letter}/redrive/": {
            "revision": "0",
            "reason": "x",
            "to": "",
            "next": "/admin/",
        },
    }


def routes() -> list[str]:
    """Every address under /admin/, with its parts still open, as in `<int:letter_id>`."""
    return sorted(set(_routes(get_resolver().url_patterns, "/")))


def _routes(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for one in patterns:
        route = prefix + str(one.pattern).lstrip("^").rstrip("$").replace(r"\Z", "")
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, route)
        elif route.startswith("/admin/"):
            yield route


_PART = re.compile(r"<(?:(\w+):)?\w+>|\(\?P<\w+>[^)]*\)|\(\?P<url>\.\*\)")


def addresses(route: str, real: str, every: int = 1) -> list[str]:
    """*route* with its parts filled in: by what is there, then by what hostile people write."""
    parts = [found[1] for found in _PART.finditer(route)]
    if not parts:
        return [route]
    choices = [real, *NUMBERS[::every]]
    if any(part != "int" for part in parts):
        choices += WORDS[::every]
    return [_PART.sub(lambda _, one=one: one, route) for one in choices]  # type: ignore[misc]


@pytest.fixture
def rows() -> str:
    """A few rows of each kind that pages are about; and a number that all of them have."""
    event = order_created()
    failed_attempt(event)
    dead_letter(event)
    policy()
    patch = json_patch.read('[{"op": "add", "path": "/a", "value": 1}]')
    operation = plans.freeze(Selection(), Plan("fix", patch), by="ada")
    return str(operation.items.get().letter_id)


@pytest.fixture(params=["superuser", pytest.param("viewer", marks=SLOW)])
def browser(request: pytest.FixtureRequest, client_of: ClientOf) -> Client:
    client = client_of("view")
    if request.param == "superuser":
        User.objects.update(is_superuser=True)
    return client


def ask(browser: Client, method: str, url: str, pairs: list[tuple[str, str]]) -> int:
    query = urlencode(pairs, errors="surrogatepass")
    if method == "GET" or "export" in url:
        return browser.generic(method, f"{url}?{query}").status_code
    return browser.post(
        url, query, content_type="application/x-www-form-urlencoded"
    ).status_code


def test_the_resolver_knows_the_pages_of_the_desk() -> None:
    assert "/admin/dlq_review/deadletter/<int:letter_id>/change/" in routes()
    assert len(routes()) > 60


@pytest.mark.parametrize(
    ("method", "every"),
    [
        pytest.param("GET", 9, id="GET, few"),
        pytest.param("GET", 3, marks=pytest.mark.siege, id="GET, some"),
        pytest.param("GET", 1, marks=SLOW, id="GET"),
        pytest.param("POST", 1, marks=SLOW, id="POST"),
    ],
)
def test_no_part_of_a_path_is_an_error_of_ours(
    browser: Client, no_sqs: None, rows: str, method: str, every: int
) -> None:
    for route in routes():
        if "logout" in route:
            continue
        for url in addresses(route, rows, every):
            assert ask(browser, method, url, []) < 500, (method, url[:200])


def pages(rows: str) -> list[str]:
    """One real address of each route; of the desk's pages, none that ends the session."""
    urls = {addresses(route, rows)[0] for route in routes()}
    return sorted(url for url in urls if "logout" not in url)


@pytest.mark.parametrize("value", EACH, ids=name_of)
def test_no_value_of_a_query_is_an_error_of_ours(
    desk: Client, no_sqs: None, rows: str, value: str
) -> None:
    """Each value by itself under each name that a page of the desk knows."""
    for url, names in KNOWN.items():
        for name in names:
            method = "POST" if "export" in url else "GET"
            assert ask(desk, method, url, [(name, value), (name, value)]) < 500
    letter = f"{DESK}deadletter/{rows}/change/"
    for name in ("q", "field", "state", "_to_field"):  # of the list that one came from
        query = urlencode({name: value}, errors="surrogatepass")
        assert ask(desk, "GET", letter, [("list", query)]) == 200
    assert ask(desk, "GET", letter, [("list", value)]) in (200, 400)


@pytest.mark.parametrize("value", EACH, ids=name_of)
def test_no_field_of_a_form_is_an_error_of_ours(
    desk: Client, no_sqs: None, rows: str, value: str
) -> None:
    """Each value in each field of a form that is valid without it."""
    for url, form in forms(rows).items():
        for name in form:
            assert ask(desk, "POST", url, [*{**form, name: value}.items()]) < 500


@pytest.mark.parametrize("examples", [30, pytest.param(150, marks=SLOW)])
def test_no_mixture_is_an_error_of_ours(
    browser: Client, no_sqs: None, rows: str, examples: int
) -> None:
    known = pages(rows)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(data=st.data())
    def hold(data: st.DataObject) -> None:
        _ask_a_mixture(browser, known, data)

    hold()


def _ask_a_mixture(browser: Client, known: list[str], data: st.DataObject) -> None:
    url = data.draw(st.sampled_from(known))
    method = data.draw(st.sampled_from(["GET", "POST"]))
    names = st.sampled_from(NAMES + POSTED) | st.text(max_size=20)
    values = st.sampled_from(VALUES) | st.text(max_size=50)
    pairs = data.draw(st.lists(st.tuples(names, values), max_size=6))
    # A savepoint by hand: steps that must be a transaction of their own refuse atomic().
    before = transaction.savepoint()
    assert ask(browser, method, url, pairs) < 500
    transaction.savepoint_rollback(before)


def test_an_empty_name_of_a_field_is_refused() -> None:
    person = User.objects.create(username="root", is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(person)
    for page in ("change", "delete"):
        url = f"/admin/processing/staffmember/{person.pk}/{page}/"
        assert ask(browser, "GET", url, [("_to_field", "")]) == 400
        assert ask(browser, "POST", url, [("_to_field", "")]) == 400
