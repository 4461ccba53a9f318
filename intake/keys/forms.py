"""The forms with which staff make API keys."""

from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from processing.events.contracts import ACCEPTED_FROM_ANYONE


class _KeyForm(forms.Form):
    scopes = forms.MultipleChoiceField(
        label="May send",
        choices=[(name, name) for name in ACCEPTED_FROM_ANYONE],
        widget=forms.CheckboxSelectMultiple,
    )
    expires_at = forms.DateTimeField(
        label="Valid until (UTC)",
        required=False,
        help_text="Such as 2027-06-30 12:00. Leave it empty for a key without an end.",
    )

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError("Give a time that lies ahead.")
        return moment


class FirstKeyForm(_KeyForm):
    FOLLOW: ClassVar = (
        "This producer has a key. Open that one and choose Make the next key."
    )
    producer = forms.CharField(
        label="Producer", max_length=80, help_text="Who gets the key, such as Web shop."
    )
    field_order = ["producer", "scopes", "expires_at"]  # noqa: RUF012


class NextKeyForm(_KeyForm):
    FOLLOWED: ClassVar = "There is a key after this one already; open that."
    days = forms.IntegerField(
        label="Days until this key ends",
        min_value=0,
        max_value=90,
        initial=7,
        help_text="Until then both keys are valid. 0 ends this one at once.",
    )
