"""Every screen of the triage desk: readable by everybody, whole, and deaf to poison."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.db.models import CharField, JSONField, TextField
from playwright.sync_api import Page, expect

from dlq_review.models import Revision
from tests.browser.conftest import OpenPage
from tests.browser.desk import (
    GROUPS,
    LETTERS,
    POLICIES,
    FullDesk,
    group_page,
    operation_page,
    page_of,
    session_of,
)
from tests.browser.looking import COLOURS, cut_off, serious
from tests.browser.screens import PARTS, Screen, screens
from tests.builders import order_data

pytestmark = [
    pytest.mark.browser,
    pytest.mark.siege,
    pytest.mark.django_db(transaction=True),
]
#: 390 is a phone, and 640 what is left of 1,280 at a zoom of 200 %.
WIDTHS = (1240, 1120, 800, 640, 390)
SIZE = {"width": 1240, "height": 800}


@pytest.mark.parametrize("part", PARTS)
def test_every_screen_is_accessible_and_whole_in_light_and_dark(
    open_page: OpenPage, part: str
) -> None:
    desk = FullDesk()
    page = open_page(
        "/admin/",
        session=session_of("administrator"),
        reduced_motion="reduce",
        viewport=SIZE,
    )
    found = []
    for screen in screens(part, desk):
        screen.open(page)
        found += [f"{screen.name}, {finding}" for finding in findings(page)]
    assert not found, "\n".join(found)


def test_what_a_viewer_and_a_stranger_see_is_accessible(open_page: OpenPage) -> None:
    desk = FullDesk()
    eve = open_page("/admin/", session=session_of("viewer"), reduced_motion="reduce")
    stranger = open_page("/admin/login/", reduced_motion="reduce")
    found = findings(stranger)
    stranger.get_by_label("Username").fill("ada")
    stranger.get_by_label("Password").fill("wrong")
    stranger.get_by_role("button", name="Log in").click()
    expect(stranger.get_by_text("Please enter the correct username")).to_be_visible()
    found += findings(stranger)
    for path in (
        "/admin/",
        LETTERS,
        page_of(desk.letters["open"]),
        page_of(desk.letters["open"], "edit"),  # 403
        GROUPS,
        group_page(desk.groups["open"]),
        operation_page(desk.operations["redrive"]),
        f"{POLICIES}{desk.policies['active'].pk}/change/",
        POLICIES,
    ):
        eve.goto(path)
        found += [f"{path}, {finding}" for finding in findings(eve)]
    eve.goto("/admin/")
    eve.get_by_role("button", name="Log out").click()
    found += findings(eve)
    assert not found, "\n".join(found)


def findings(page: Page) -> list[str]:
    found = serious(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {finding}" for finding in serious(page, COLOURS)]
    page.emulate_media(color_scheme="light")
    return found + narrowed(page)


def narrowed(page: Page) -> list[str]:
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found += [f"{width} wide: {finding}" for finding in cut_off(page)]
    page.set_viewport_size({"width": 1240, "height": 800})
    return found


MARKUP = '"></textarea><script>alert(1)</script><img src=x onerror=alert(2)>'
POISON = {
    "markup": MARKUP
    + "{{7*7}}{% now 'Y' %}${7*7}javascript:alert(3)//\u202eevil\u2066",
    "length": "W" * 4000,
}
#: Ours to choose, and never taken from a message or from what somebody typed.
OURS = {"queue", "dlq", "fingerprint", "body_fingerprint", "username", "password"}
_ALIVE = """() => [
  ...document.querySelectorAll("script:not([src]), style, img[src='x'], [onerror]"),
  ...document.querySelectorAll("[href^='javascript:'], [src^='javascript:']"),
].map((at) => at.outerHTML.slice(0, 100))"""


#: On how many screens of each part the text is seen, at least.
SHOWN = {
    "lists": 10,
    "rows": 9,
    "groups": 5,
    "letters": 12,
    "edits": 4,
    "operations": 9,
    "policies": 6,
    "others": 2,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(POISON["markup"], id="markup"),
        pytest.param(POISON["length"], id="length", marks=pytest.mark.long),
    ],
)
def test_poison_in_every_field_is_inert_on_every_screen(
    open_page: OpenPage, payload: str, part: str
) -> None:
    desk = FullDesk()
    session = session_of("administrator")
    poison_every_column(payload)
    page = open_page("/admin/", session=session, viewport=SIZE)
    found, shown = [], 0
    for screen in safe_screens(part, desk):
        screen.open(page)
        found += [f"{screen.name}: alive: {at}" for at in page.evaluate(_ALIVE)]
        if payload == POISON["length"]:
            found += [f"{screen.name}, {finding}" for finding in narrowed(page)]
        shown += payload[:20] in page.locator("#content, main").first.inner_text()
    assert not found, "\n".join(found)
    assert shown >= SHOWN[part]


def safe_screens(part: str, desk: FullDesk) -> list[Screen]:
    """Those that do not go by the text of what they show."""
    typed = ("rehearsed", "edit with errors", "a new operation with errors")
    return [screen for screen in screens(part, desk) if screen.name not in typed]


def poison_every_column(payload: str) -> None:
    """Write *payload* into every column that can hold text from outside."""
    for app in ("dlq_review", "processing"):
        for model in apps.get_app_config(app).get_models():
            columns: dict[str, Any] = {}
            for field in model._meta.fields:
                if field.unique or field.choices or field.name in OURS:
                    continue
                if isinstance(field, CharField | TextField):
                    columns[field.name] = payload[: field.max_length or 5_000]
                elif isinstance(field, JSONField) and field.name == "attributes":
                    columns[field.name] = {payload[:200]: payload}
            for name in unique_together(model):
                columns.pop(name, None)
            if columns:
                model._default_manager.update(**columns)
    data = order_data(**dict.fromkeys(("order_id", "customer_id", "email"), payload))
    data |= {payload[:90]: payload, "items": [{"sku": payload, "quantity": payload}]}
    event = {"type": "order_created", "id": payload, "data": data}
    Revision.objects.filter(number=0).update(body=json.dumps(event, ensure_ascii=False))


def unique_together(model: type[Any]) -> set[str]:
    """Names of columns that are unique with others, so that they cannot all be alike."""
    return {
        name
        for constraint in model._meta.constraints
        for name in getattr(constraint, "fields", ())
    }
