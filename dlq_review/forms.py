from django import forms

from dlq_review.editing import LONGEST_EDIT


class EditForm(forms.Form):
    """Carries the text as typed; what it must be is the contract's to say."""

    body = forms.CharField(
        label="Body", max_length=LONGEST_EDIT, strip=False, widget=forms.Textarea
    )
    reason = forms.CharField(label="Reason for the change", max_length=500)
    based_on = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def keep_text_over(self, revision: int) -> None:
        """Keep what was typed, so that saving again is a decision over the newer one."""
        self.data = {**self.data.dict(), "based_on": str(revision)}  # type: ignore[attr-defined]
