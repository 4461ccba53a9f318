import pytest
from playwright.sync_api import expect

from processing.handlers.accounts import verification_token
from processing.models import User
from tests.browser.conftest import OpenPage
from tests.browser.looking import assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = ["/", "/orders/new", "/orders/change", "/signups/new", "/demo/", "/nothing"]
PHONE, DESKTOP = {"width": 390, "height": 800}, {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 640}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_pages_are_accessible_in_light_and_dark_on_phone_and_desktop(
    open_page: OpenPage, scheme: str, size: dict[str, int]
) -> None:
    user = User.objects.create(username="a", email="ada@example.com", is_active=False)
    link = f"/verify/{verification_token(str(user.pk))}/"
    page = open_page("/", color_scheme=scheme, viewport=size)
    for path in [*PAGES, link]:
        page.goto(path)
        assert_accessible(page)
    for path in ("/orders/new", "/signups/new", "/orders/change", link):
        page.goto(path)
        page.locator("button.main").click()
        expect(page.locator(".errorlist").first).to_be_visible()
        assert_accessible(page)


def test_the_api_page_works_under_the_content_security_policy(
    open_page: OpenPage,
) -> None:
    page = open_page("/api/docs")
    expect(page.get_by_text("Send an order")).to_be_visible()
    page.get_by_text("Send an order").click()
    expect(page.get_by_role("button", name="Try it out")).to_be_visible()


def test_a_wrong_price_fits_the_narrowest_phone(open_page: OpenPage) -> None:
    page = open_page("/orders/new", viewport=NARROW)
    page.get_by_label("Price each").fill("12,505")
    page.locator("button.main").click()
    error = page.locator(".line .errorlist").last
    expect(error).to_contain_text("Write an amount such as 12.50")
    box = error.bounding_box()
    assert box
    assert box["width"] > 200
    assert box["height"] < 80, "three lines at most"
    assert_accessible(page)


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_api_page_is_as_dark_as_its_reader_wants_it(
    open_page: OpenPage, scheme: str, is_dark: bool
) -> None:
    page = open_page("/api/docs", color_scheme=scheme)
    expect(page.get_by_text("Send an order")).to_be_visible()
    (red, *_), (text, *_) = (
        map(int, page.evaluate(script).strip("rgb(a)").split(","))
        for script in (
            "getComputedStyle(document.documentElement).backgroundColor",
            "getComputedStyle(document.querySelector('.info .title')).color",
        )
    )
    assert (red < 60 and text > 180) if is_dark else text < 90
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    expect(page.locator("html")).to_have_class("" if is_dark else "dark-mode")
