"""A form over a contract: labels and widgets here, every rule in the contract."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict

from intake import request_ids
from intake.accept import prepare
from intake.pages.form_token import FormToken, StaleFormError
from processing.events.contract import Contract
from processing.events.envelope import Event
from processing.events.errors import InvalidEventError, Problem

TORN = "Only a part of the form arrived. Look through what you wrote and send it again."
# A browser may fill in the hidden field by itself, so report an error instead of dropping
# the request.
TRAP = "homepage"
TRAPPED = "Nothing was sent: a hidden field was filled in, as programs do. It is empty again; send the form once more."
NOTHING_SENT = "Nothing was sent yet. Correct what is marked, then send it again."


@dataclass(frozen=True, slots=True)
class Mark:
    """One field to correct, for the list at the top of the page."""

    input_id: str
    name: str
    sentence: str


def marks(form: forms.Form) -> Iterator[Mark]:
    """The wrong fields of *form*."""
    for field in form:
        if field.errors:
            yield Mark(field.auto_id, str(field.label), str(field.errors[0]))


class ContractForm(forms.Form):
    """Turns the typed values into an event, and the contract's problems into errors."""

    contract: ClassVar[type[Contract]]
    data: QueryDict
    event: Event
    """The data of the request, once the form is valid."""

    def __init__(
        self, data: QueryDict | None = None, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        typed = self.initial if data is None else data
        try:
            self.token = FormToken.read(typed.get("form_token", ""))
        except StaleFormError:
            self.token = FormToken()

    def asked(self) -> dict[str, Any]:
        """The data for the contract, without empty fields."""
        return filled(self.data, self.fields)

    @property
    def marks(self) -> list[Mark]:
        """The fields to correct, in the order of the page."""
        return list(marks(self))

    def form_and_field(self, problem: Problem) -> tuple[forms.Form, str | None]:
        """The form and the field that *problem* is shown beside."""
        name = problem.field.rpartition(".")[2]
        return self, name if name in self.fields else None

    def clean(self) -> None:
        if problem := self._problem_of_page():
            self.add_error(None, problem)
            return
        asked = self.asked()
        request_id = request_ids.from_form(self.contract, asked, self.token.nonce)
        try:
            self.event = prepare(self.contract, asked, request_id)
        except InvalidEventError as error:
            self.add_error(None, NOTHING_SENT)
            for found in error.problems:
                form, name = self.form_and_field(found)
                form.add_error(
                    name, found.message if name else self.sentence_for(found)
                )

    def sentence_for(self, problem: Problem) -> str:
        """The sentence for a problem that belongs to no single field."""
        return str(problem)

    def _problem_of_page(self) -> str | None:
        """Django accepts a truncated upload, and the last of two values, without an error."""
        doubled = any(len(values) > 1 for _, values in self.data.lists())
        if self.data.get(TRAP):
            return TRAPPED
        if doubled or self.data.get("complete") != "yes":
            return TORN
        if self.data.get("form_token") != str(self.token):
            return StaleFormError.__doc__
        return None


def filled(data: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The typed value, without the spaces that phone keyboards add around it."""
    typed = {name: data.get(name, "").strip() for name in names}
    return {name: value for name, value in typed.items() if value}


def text(
    label: str, help_text: str = "", type: str = "text", **attrs: str
) -> forms.Field:
    """A field that passes the typed text on; the contract validates it."""
    widget = forms.TextInput(attrs={"type": type, **attrs})
    return forms.Field(label=label, help_text=help_text, required=False, widget=widget)


def choice(label: str, values: Iterable[tuple[str, str]]) -> forms.Field:
    widget = forms.Select(choices=list(values))
    return forms.Field(label=label, required=False, widget=widget)
