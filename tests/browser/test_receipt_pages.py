import pytest
from playwright.sync_api import expect

from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Outcome, UnderReview
from processing.receipts import Receipt
from processing.sqs import queues
from tests.browser.conftest import OpenPage
from tests.browser.looking import assert_accessible
from tests.builders import failed_attempt, order_created

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["js", "nojs"])


def path_of(event: Event) -> str:
    return f"/receipts/{Receipt.of(event).token}/"


@BOTH
def test_a_receipt_goes_through_its_states_by_itself(
    open_page: OpenPage, javascript: bool
) -> None:
    event = order_created(order_id="ORD-7")
    page = open_page(path_of(event), java_script_enabled=javascript)
    heading = page.get_by_role("heading", level=2)
    expect(heading).to_have_text("Received")
    failed_attempt(event)
    expect(heading).to_have_text("Processing, attempt 2")
    review = UnderReview.objects.create(request_id=event.id)
    expect(heading).to_contain_text("We are looking at this")
    expect(page.locator("#status")).to_contain_text("do not need to send it again")
    review.delete()
    processor.process(event, redriven=True)
    expect(heading).to_have_text("Done")
    expect(page.locator("#status")).to_contain_text("ORD-7")


def test_a_settled_receipt_is_not_asked_for_again(open_page: OpenPage) -> None:
    event = order_created()
    page = open_page(path_of(event))
    processor.process(event)
    expect(page.get_by_role("heading", level=2)).to_have_text("Done")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4_000)
    assert not asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "state", ["received", "processing", "done", "stale", "under_review", "not_accepted"]
)
def test_every_state_is_accessible(
    open_page: OpenPage, state: str, scheme: str
) -> None:
    event = order_created()
    match state:
        case "processing":
            failed_attempt(event)
        case "done":
            processor.process(event)
        case "stale":
            processor.process(event)
            made = {"order": "ORD-7", "status": "stale"}
            Outcome.objects.filter(request_id=event.id).update(made=made)
        case "under_review":
            UnderReview.objects.create(request_id=event.id)
        case "not_accepted":
            failed_attempt(event, permanent=True, error_text="There is another one.")
            Outcome.objects.create(request_id=event.id, kind="discarded")
    page = open_page(path_of(event), color_scheme=scheme)
    expect(page.locator(f"#status.{state}")).to_be_visible()
    assert_accessible(page)


@BOTH
def test_a_sample_is_shown_on_its_queue_and_then_done(
    open_page: OpenPage, javascript: bool
) -> None:
    page = open_page("/demo/", java_script_enabled=javascript)
    page.get_by_role("button", name="Send a sample order").click()
    expect(page.locator("pre")).to_contain_text('"type": "order_created"')
    expect(page.get_by_role("heading", name="Received")).to_be_visible()
    (message,) = queues.receive("orders")
    processor.handle(message)
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
