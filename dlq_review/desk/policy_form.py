"""The form of a new redrive policy: which letters, how often, while what is green."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.conf import settings

from dlq_review.desk.forms import MOST_LETTERS, OperationForm, row_number_field
from dlq_review.models import FailureGroup, RedrivePolicy
from dlq_review.operations.plans import MOST_PER_SECOND
from dlq_review.schedule import http_probe
from dlq_review.search.selections import Selection

Probe = RedrivePolicy.Probe
LONGEST = 366  # days; then somebody has to say again that it is wanted
_WEEK = 7 * 24 * 60  # minutes
_MOST_EVENTS = 1_000
_ASKED = OperationForm.base_fields


def _number(label: str, initial: int, least: int, most: int, help: str = "") -> Any:
    return forms.IntegerField(
        label=label,
        initial=initial,
        min_value=least,
        max_value=most,
        help_text=help,
    )


def _in_a_fortnight() -> date:
    return RedrivePolicy.today() + timedelta(days=14)


def _limit() -> str:
    if not settings.REDRIVE_LIMIT:
        return ""
    return f"REDRIVE_LIMIT allows {settings.REDRIVE_LIMIT} redrives of a letter in all."


class PolicyForm(forms.Form):
    """Nothing is redriven before somebody has seen what a run would take."""

    group = row_number_field()
    queue, type, error = (_ASKED[name] for name in ("queue", "type", "error"))
    field = _ASKED["field"]
    every = _number("Every, minutes", 15, 1, _WEEK)
    times = _number("Runs a letter", 3, 1, 100, "At most so many take the same letter.")
    most = _number("Letters a run", 200, 1, MOST_LETTERS, "At most; the oldest first.")
    canary = _number("Try first", 3, 0, MOST_LETTERS, "In each run. 0 for none.")
    stop_at = _number(
        *("Stop at, percent", 20, 1, 100),
        "It stops when this share failed again: of a run, or of the last ten letters. "
        "100 for never.",
    )
    rate = _number("Messages a second", 50, 1, MOST_PER_SECOND)
    probe = forms.ChoiceField(label="Only while", choices=Probe.choices)
    events = forms.IntegerField(
        label="How many events",
        initial=20,
        required=False,
        min_value=1,
        max_value=_MOST_EVENTS,
        help_text="So many of the type above, or of the group, were the last, and none failed.",
    )
    url = forms.CharField(
        label="URL",
        required=False,
        max_length=500,
        help_text="All staff see it. https, and no redirect.",
    )
    until = forms.DateField(
        label="Last day",
        initial=_in_a_fortnight,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="In UTC; the policy ends with it.",
    )
    reason = forms.CharField(max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["times"].help_text += f" {_limit()}"

    clean_field = OperationForm.clean_field

    def clean_group(self) -> int | None:
        number: int | None = self.cleaned_data["group"]
        self.of_group = FailureGroup.objects.filter(pk=number or 0).first()
        if number is not None and self.of_group is None:
            raise forms.ValidationError("This failure group is not there any more.")
        return number

    def clean_until(self) -> date:
        until: date = self.cleaned_data["until"]
        today = RedrivePolicy.today()
        if not today <= until <= today + timedelta(days=LONGEST):
            raise forms.ValidationError(
                f"A day from {today} to {today + timedelta(days=LONGEST)}, please."
            )
        return until

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and self.selection().is_empty:
            why = "Say which letters: a queue, a type, an error or a condition."
            self.add_error(None, why)
        probe = found.get("probe")
        if probe == Probe.EVENTS:
            self._check_events(found)
        if probe == Probe.HTTP and "url" in found:
            self._check_url(found["url"])
        return found

    def _check_events(self, found: dict[str, Any]) -> None:
        of_group = getattr(self, "of_group", None)
        found["type"] = found.get("type") or (of_group.type if of_group else "")
        if not found["type"] and "type" not in self.errors:
            self.add_error("type", "Choose a type, whose last events the probe counts.")
        if found.get("events") is None and "events" not in self.errors:
            self.add_error("events", "Say how many events.")

    def _check_url(self, url: str) -> None:
        try:
            http_probe.check(url)
        except http_probe.ProbeError as error:
            self.add_error("url", str(error))

    def selection(self) -> Selection:
        found = self.cleaned_data
        return Selection(
            queue=found["queue"],
            type=found["type"],
            error=found["error"],
            group=found["group"],
            fields=found["field"],
        )

    def policy(self, *, owner: str, masked: bool) -> RedrivePolicy:
        """The policy that the form describes, not stored yet."""
        found = self.cleaned_data
        names = ("every", "times", "most", "canary", "stop_at", "rate", "until")
        probe = found["probe"]
        return RedrivePolicy(
            selection=self.selection().as_json(),
            masked=masked,
            owner=owner,
            reason=found["reason"],
            probe=probe,
            events=found["events"] if probe == Probe.EVENTS else 0,
            url=found["url"] if probe == Probe.HTTP else "",
            **{name: found[name] for name in names},
        )
