"""Which handler takes an event of which type."""

from collections.abc import Callable

from processing.events import envelope
from processing.handlers import accounts, emails, orders
from processing.handlers.effect import Effect

HANDLERS: dict[str, Callable[[envelope.Event], Effect]] = {
    "order_created": orders.create_order,
    "order_updated": orders.update_order,
    "signup_requested": accounts.sign_up,
    "email_requested": emails.send_email,
}
