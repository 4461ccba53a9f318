"""What each public page says, whole: its words, its links, its fields and what it hides."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory
from pytest_django import Settings

from intake.pages.contract_form import ContractForm
from intake.pages.forms import ChangeForm, OrderForm, SignupForm
from intake.pages.verify_views import PasswordForm
from processing.handlers.desk import Review
from processing.models import User
from processing.receipts import Receipt, State, Status
from tests.kept_texts import assert_kept

SINCE = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
RECEIPT = Receipt("r-1", "order_created")
WHY = "There is no such order."
ORDER = Review(order="ORD-7")
STATUSES = {
    "received": Status(State.RECEIVED),
    "tried again": Status(State.PROCESSING, attempt=2),
    "before its order": Status(State.PROCESSING, attempt=2, reason=WHY),
    "an order": Status(State.DONE, made={"order": "ORD-7"}),
    "a change": Status(State.DONE, made={"order": "ORD-7", "status": "paid"}),
    "an account": Status(State.DONE, made={"account": "requested"}),
    "nothing to name": Status(State.DONE),
    "late": Status(State.STALE, made={"order": "ORD-7"}, reason="A later one."),
    "under review": Status(State.UNDER_REVIEW),
    "taken": Status(
        State.UNDER_REVIEW, since=SINCE, review=Review(taken=True, order="ORD-7")
    ),
    "with a mail": Status(
        State.UNDER_REVIEW, since=SINCE, review=Review(has_address=True)
    ),
    "with an order": Status(State.UNDER_REVIEW, review=ORDER),
    "with a mail that was asked for": Status(
        State.UNDER_REVIEW, review=Review(has_address=True), mail_asked=True
    ),
    "refused": Status(State.NOT_ACCEPTED, reason=WHY, review=ORDER),
    "refused without a word": Status(State.NOT_ACCEPTED),
}
KEPT: dict[str, Any] = {
    "sentence": "Wait 9 seconds.",
    "kept": [("name", "<Ada>"), ("name", "Eve")],
}


def shown(
    template: str, method: str = "get", path: str = "/here", **context: Any
) -> str:
    request = getattr(RequestFactory(), method)(path)
    page = str(render_to_string(template, context, request))
    for secret in ("csrfmiddlewaretoken", "form_token"):
        page = re.sub(rf'(name="{secret}" value=")[^"]+', r"\1...", page)
    page = re.sub(r'(<script src="/static/\w+)[.\w]*\.js', r"\1.js", page)
    page = page.replace(RECEIPT.token, "TOKEN")
    return "\n".join(line.strip() for line in page.splitlines() if line.strip())


def own(page: str) -> str:
    """All that is not the frame of every page."""
    head, _, rest = page.partition("</title>")
    title = head.rpartition("<title>")[2]
    links = re.findall(r"<(?:meta|noscript).*", rest.partition("</head>")[0])
    main, _, end = rest.partition("<main")[2].partition("</main>")
    scripts = re.findall(r"<script.*", end)
    return "\n".join([title, *links, main.partition(">")[2].strip(), *scripts])


def wrong(form: type[ContractForm], **typed: str) -> ContractForm:
    data = QueryDict(mutable=True)
    fresh = str(form().token)
    data.update({"complete": "yes", "form_token": fresh, **typed})
    filled = form(data)
    assert not filled.is_valid()
    return filled


def receipts() -> dict[str, str]:
    pages = {
        f"receipt: {name}": shown("intake/_status.html", receipt=RECEIPT, status=status)
        for name, status in STATUSES.items()
    }
    for name in ("refused without a word", "late"):
        pages[f"receipt: {name}, of a form"] = shown(
            "intake/_status.html", status=STATUSES[name], form="/orders/new"
        )
    pages["receipt: with a mail, without a form"] = render_to_string(
        "intake/_status.html", {"receipt": RECEIPT, "status": STATUSES["with a mail"]}
    )
    for name in ("received", "an order"):
        pages[f"receipt: {name}, whole"] = own(
            shown("intake/receipt.html", receipt=RECEIPT, status=STATUSES[name])
        )
    return pages


def empty_lines(many: int) -> dict[str, str]:
    """Lines that are each wrong at one place."""
    typed = {"sku": "TEA-1", "quantity": "0", "unit_price": "4.50"}
    return {
        f"items-{number}-{name}": value
        for number in range(many)
        for name, value in typed.items()
    }


def forms() -> dict[str, str]:
    priced = {"items-0-quantity": "2", "items-0-unit_price": "4.50"}
    bad_line = {"items-0-sku": "TEA-1", "items-0-quantity": "0"}
    full = {f"items-{number}-sku": "TEA-1" for number in range(OrderForm.most)}
    full_order = own(shown("intake/order.html", form=OrderForm(initial=full)))
    pages = {
        "order": shown("intake/order.html", form=OrderForm()),
        "order, not right": shown(
            "intake/order.html", form=wrong(OrderForm, email="x", **bad_line)
        ),
        "change": shown("intake/change.html", form=ChangeForm()),
        "change, not right": shown(
            "intake/change.html", form=wrong(ChangeForm, order_id="?")
        ),
        "sign-up": shown("intake/signup.html", form=SignupForm()),
        "sign-up, not right": shown(
            "intake/signup.html", form=wrong(SignupForm, name="Ada", country="x")
        ),
        "password": shown("intake/verify.html", form=PasswordForm(User())),
        "password, not right": shown(
            "intake/verify.html", form=PasswordForm(User(), {"new_password1": "x"})
        ),
        "order, torn below its currency": shown(
            "intake/order.html",
            form=wrong(OrderForm, complete="", currency="EUR", **priced),
        ),
        "order, torn": shown(
            "intake/order.html", form=wrong(OrderForm, complete="", **priced)
        ),
    }
    below_lines = full_order.partition('<div class="between">')[2]
    tops = {
        f"order, {many} places not right: its top": shown(
            "intake/_form_top.html",
            form=wrong(OrderForm, currency="EUR", **empty_lines(many - 2)),
        )
        for many in (10, 11, 12)
    }
    return {
        **{name: own(page) for name, page in pages.items()},
        **tops,
        "order, full: below its lines": below_lines.partition("</section>")[0].strip(),
    }


def others() -> dict[str, str]:
    demo = {"body": "{}", "queue": "orders"}
    pages = {
        **{
            f"{name}.html": shown(f"{name}.html")
            for name in ("400", "403", "403_csrf", "404", "500")
        },
        **{
            f"403.html at {path}": shown("403.html", path=path)
            for path in ("/admin/find/", "/admin/", "/administer", "/orders/admin/")
        },
        "429.html": shown("429.html", sentence="Wait 9 seconds."),
        "429.html, sent": shown("429.html", "post", sentence="Wait 9 seconds."),
        "429.html, kept": shown("429.html", "post", **KEPT),
        "503.html": shown("503.html", sentence="Ask again."),
        "503.html, sent": shown("503.html", "post", sentence="Ask again."),
        **{
            name: shown(f"intake/{name}.html")
            for name in ("already_open", "bad_link", "verified")
        },
        "demo": shown("intake/demo.html"),
        "demo, developed": shown("intake/demo.html", development=True),
        "demo, broken": shown("intake/demo.html", broken=True, **demo),
        "demo, not sent": shown("intake/demo.html", problem="SQS does not answer."),
        "demo, sent": shown(
            "intake/demo.html", receipt=RECEIPT, status=STATUSES["received"], **demo
        ),
        "demo, done": shown(
            "intake/demo.html", receipt=RECEIPT, status=STATUSES["an order"], **demo
        ),
    }
    return {name: own(page) for name, page in pages.items()}


def mails() -> dict[str, str]:
    site = "https://shop.example.com/?a&b"
    of = {"site": site, "link": f"{site}&verify=<c>"}
    return {
        f"mail: {name}": render_to_string(f"mail/{name}.txt", of).strip()
        for mail in ("already_registered", "verify_email")
        for name in (f"{mail}.subject", mail)
    }


def test_the_public_pages_say_what_they_are_meant_to(settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    }
    pages = {
        "home, whole": shown("intake/home.html"),
        "home, with the demonstration": own(shown("intake/home.html", demo=True)),
        "API, whole": shown(
            "ninja/swagger.html", api={"title": "<API>"}, swagger_settings='{"a": "b"}'
        ),
        "locked out": own(shown("admin/locked_out.html", failure_limit=5)),
        **receipts(),
        **forms(),
        **others(),
        **mails(),
    }
    text = "\n".join(f"== {name}\n{page}\n" for name, page in pages.items())
    assert_kept(text, Path(__file__).with_name("pages.txt"))
