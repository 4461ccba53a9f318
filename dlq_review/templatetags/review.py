"""Template tags for times and states."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dlq_review.bodies.sentences import VARIES
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from processing.events.masking import mask

register = template.Library()


@register.simple_tag
def ago(moment: datetime | None) -> str:
    """`<time>` with the distance from now, and the absolute time as its title."""
    if moment is None:
        return "–"
    seconds = (timezone.now() - moment).total_seconds()
    distance = _distance(abs(seconds))
    if distance == "":
        text = "now"
    else:
        text = f"{distance} ago" if seconds > 0 else f"in {distance}"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        moment.isoformat(),
        date_format(moment, "j M Y, H:i:s"),
        text,
    )


@register.simple_tag
def second(moment: datetime) -> str:
    """`<time>` with the second, in UTC."""
    text = moment.astimezone(UTC).strftime("%d %b %Y, %H:%M:%S UTC")
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), text)


def _distance(seconds: float) -> str:
    """The distance in the largest useful unit: 40 min, 47 h, 13 d; empty below a minute."""
    for size, unit, most in ((60, "min", 90), (3600, "h", 48), (86400, "d", 10_000)):
        if seconds < size * most:
            return f"{seconds // size:.0f} {unit}" if seconds >= 60 else ""
    return "many years"


@register.filter
def veil(text: str) -> str:
    """A person's text, with addresses shortened."""
    return mask(text)


@register.filter
def varies(sentence: str) -> SafeString:
    """The sentence of a group, with the parts marked that differ between its letters."""
    parts = [(one,) for one in sentence.split(VARIES)]
    between = format_html('<i class="varies">{}</i>', VARIES)
    return format_html_join(between, "{}", parts)


@register.simple_tag
def finds(name: str) -> SafeString:
    """*name*, which is no personal data, as a link to all that bears it."""
    query = urlencode({"q": name})
    return format_html(
        '<a class="mono" href="{}?{}">{}</a>', reverse("admin:find"), query, name
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="#i-{}"></use></svg>', name
    )


@register.simple_tag
def state(
    letter: DeadLetter | FailureGroup | Operation | RedrivePolicy | AlertDelivery,
) -> SafeString:
    """Icon and word; the colour only repeats them."""
    name, label = letter.state, letter.get_state_display()
    if isinstance(letter, DeadLetter):
        if letter.overdue:
            name, label = "overdue", "Overdue"
        elif letter.failed_again:
            name, label = "again", f"Failed again ({letter.redrives})"
    return format_html('<span class="state is-{}">{}{}</span>', name, icon(name), label)
