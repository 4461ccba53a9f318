"""A form over a contract: labels and widgets here, every rule in the contract."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict

from intake import request_ids
from intake.form_tokens import FormToken
from intake.services import prepare
from processing.event_errors import InvalidEventError, Problem
from processing.events import Contract, Event

NOTHING_SENT = "Nothing was sent yet. Correct what is marked, then send it again."


class TornFormError(ValueError):
    """Only a part of the form arrived. Look through what you wrote and send it again."""


class ContractForm(forms.Form):
    """Turns what was typed into an event, and what the contract refuses into errors."""

    contract: ClassVar[type[Contract]]
    data: QueryDict
    event: Event
    """What was asked for, once the form is valid."""

    def __init__(
        self, data: QueryDict | None = None, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        self.token = FormToken()

    def asked(self) -> dict[str, Any]:
        """The contract's data, without what was left empty."""
        return filled(self.data, self.fields)

    def place_of(self, problem: Problem) -> tuple[forms.Form, str | None]:
        """The form and the field that *problem* is shown beside."""
        name = problem.field.rpartition(".")[2]
        return self, name if name in self.fields else None

    def clean(self) -> None:
        try:
            _check_whole(self.data)
            self.token = FormToken.read(self.data.get("form_token", ""))
        except ValueError as error:
            self.add_error(None, str(error))
            return
        asked = self.asked()
        request_id = request_ids.from_form(self.contract, asked, self.token.nonce)
        try:
            self.event = prepare(self.contract, asked, request_id)
        except InvalidEventError as error:
            self.add_error(None, NOTHING_SENT)
            for problem in error.problems:
                form, name = self.place_of(problem)
                form.add_error(name, problem.message if name else str(problem))


def filled(data: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: data[name] for name in names if data.get(name, "").strip()}


def _check_whole(data: QueryDict) -> None:
    """Django takes a torn upload for a whole one, and the last of two values."""
    if data.get("complete") != "yes" or any(len(v) > 1 for _, v in data.lists()):
        raise TornFormError(TornFormError.__doc__)


def text(
    label: str, help_text: str = "", type: str = "text", **attrs: str
) -> forms.Field:
    """A field that takes what was typed as it is; the contract judges it."""
    widget = forms.TextInput(attrs={"type": type, **attrs})
    return forms.Field(label=label, help_text=help_text, required=False, widget=widget)


def choice(label: str, values: Iterable[tuple[str, str]]) -> forms.Field:
    widget = forms.Select(choices=list(values))
    return forms.Field(label=label, required=False, widget=widget)
