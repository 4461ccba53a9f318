import pytest
from playwright.sync_api import expect

from processing.accounts import verification_token
from processing.models import User
from tests.browser.conftest import OpenPage
from tests.browser.looking import assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = ["/", "/orders/new", "/orders/change", "/signups/new", "/demo/", "/nothing"]
PHONE, DESKTOP = {"width": 390, "height": 800}, {"width": 1280, "height": 800}


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
