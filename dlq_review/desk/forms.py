from dataclasses import fields
from typing import Any

from django import forms
from django.db.models import BigIntegerField

from dlq_review.bodies import json_patch, patch_cases
from dlq_review.bodies.field_conditions import Condition, FieldError
from dlq_review.letters.revisions import LONGEST_EDIT
from dlq_review.models import Operation
from dlq_review.operations.plans import MOST_PER_SECOND, Plan
from dlq_review.redrive.targets import anywhere
from dlq_review.search.selections import SINCE, Selection, since
from processing.events.contracts import CONTRACTS
from processing.sqs.topology import QUEUES

MOST_LETTERS = 10**9
_FOREMOST = ("kind", "patch", "limit", "reason")
_NAMES_LETTERS = ("ids", "group", "discarded_by", "after", "q")
_NARROWS = ("queue", "type", "error", "since", "field")


class EditForm(forms.Form):
    """Carries the text as typed; the contract validates it."""

    body = forms.CharField(
        label="Body", max_length=LONGEST_EDIT, strip=False, widget=forms.Textarea
    )
    reason = forms.CharField(label="Reason for the change", max_length=500)
    based_on = forms.IntegerField(
        min_value=0, max_value=2**31 - 2, widget=forms.HiddenInput
    )


def row_number_field() -> forms.IntegerField:
    most = BigIntegerField.MAX_BIGINT
    return forms.IntegerField(
        required=False, min_value=1, max_value=most, widget=forms.HiddenInput
    )


class OperationForm(forms.Form):
    """The selection and the plan. Nothing is sent before somebody has seen the frozen list."""

    kind = forms.ChoiceField(
        label="What to do",
        choices=[one for one in Operation.Kind.choices if one[0] != "undo"],
    )
    ids = forms.CharField(required=False, max_length=100_000, widget=forms.HiddenInput)
    group = row_number_field()
    discarded_by = row_number_field()
    after = row_number_field()
    q = forms.CharField(required=False, max_length=1_000, widget=forms.HiddenInput)
    queue = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((name, name) for name in QUEUES)]
    )
    type = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((name, name) for name in CONTRACTS)]
    )
    error = forms.CharField(label="Error type", required=False, max_length=200)
    since = forms.ChoiceField(
        label="Failed since",
        required=False,
        choices=[("", "Ever"), *((name, f"Last {name}") for name in SINCE)],
    )
    field = forms.CharField(
        label="Where the body says",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One condition a line, such as data.items[*].sku=TEA-1, "
        "data.email~example.com or !data.note. All must hold.",
    )
    patch = forms.CharField(
        label="Change, for an edit",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="JSON Patch, such as "
        '[{"op": "replace", "path": "/data/currency", "value": "EUR"}]',
    )
    limit = forms.IntegerField(
        label="At most",
        required=False,
        min_value=1,
        max_value=MOST_LETTERS,
        help_text="The oldest first.",
    )
    rate = forms.IntegerField(
        label="Messages a second", initial=50, min_value=1, max_value=MOST_PER_SECOND
    )
    canary = forms.IntegerField(
        label="Try first",
        initial=5,
        min_value=0,
        max_value=MOST_LETTERS,
        help_text="So many are sent before the rest; their outcome is awaited. 0 for none.",
    )
    stop_at = forms.IntegerField(
        label="Stop at, percent",
        initial=20,
        min_value=1,
        max_value=100,
        help_text="It pauses when this share of the outcomes failed again, once ten are "
        "known, or all that were tried first. 100 for never.",
    )
    to = forms.ChoiceField(
        label="Redrive to",
        required=False,
        choices=lambda: [("", "Each to its own queue"), *((n, n) for n in anywhere())],
        help_text="Letters that may not be sent there are skipped.",
    )
    override_limit = forms.BooleanField(
        label="Also letters that reached the limit of redrives",
        required=False,
        help_text="Otherwise letters that were redriven too often are skipped.",
    )
    reason = forms.CharField(max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not anywhere():
            del self.fields["to"]

    @property
    def foremost(self) -> list[forms.BoundField]:
        """The fields that are enough once the letters are named; the patch is for an edit."""
        return [self[name] for name in _FOREMOST]

    @property
    def further(self) -> list[forms.BoundField]:
        return [one for one in self.visible_fields() if one.name not in _FOREMOST]

    @property
    def asks_for_all(self) -> bool:
        """Whether the other fields have to be seen: they choose the letters, or are wrong."""
        named = any(self[name].value() for name in _NAMES_LETTERS)
        return not named or any(
            one.errors or one.name in _NARROWS and one.value() for one in self.further
        )

    def clean_field(self) -> tuple[str, ...]:
        lines = [line.strip() for line in self.cleaned_data["field"].splitlines()]
        conditions = tuple(filter(None, lines))
        try:
            for text in conditions:
                Condition.read(text)
        except FieldError as error:
            raise forms.ValidationError(str(error)) from None
        return conditions

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("kind") in Operation.EDITS:
            try:
                found["patch"] = patch_cases.read(found.get("patch") or "[]")
            except json_patch.PatchError as error:
                self.add_error("patch", str(error))
        else:
            found["patch"] = None
        return found

    def selection(self) -> Selection:
        found = self.cleaned_data
        return Selection(
            ids=tuple(found["ids"].split()),
            queue=found["queue"],
            type=found["type"],
            error=found["error"],
            group=found["group"],
            since=since(found["since"]) if found["since"] else None,
            search=found["q"],
            fields=found["field"],
            discarded=found["kind"] == Operation.Kind.RESTORE,
            discarded_by=found["discarded_by"],
            after=found["after"],
        )

    def plan(self) -> Plan:
        names = {field.name for field in fields(Plan)} & self.cleaned_data.keys()
        return Plan(**{name: self.cleaned_data[name] for name in names})
