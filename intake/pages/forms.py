"""The public forms."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

from django import forms

from intake.pages.contract_form import ContractForm, Mark, choice, marks, text
from intake.pages.order_lines import MOST, LineForm, typed_lines
from processing.events.contracts import (
    OrderCreated,
    OrderUpdated,
    Profile,
    SignupRequested,
)
from processing.events.errors import Problem

_CURRENCIES = get_args(OrderCreated.model_fields["currency"].annotation)
_STATUSES = get_args(OrderUpdated.model_fields["status"].annotation)


class OrderForm(ContractForm):
    contract = OrderCreated
    most = MOST

    customer_id = text("Customer number", "For example C-17.")
    email = text("Email address", type="email", autocomplete="email")
    order_id = text(
        "Your order number (optional)",
        "Leave it empty and we give the order a number.",
    )
    currency = choice("Currency", [(code, code) for code in _CURRENCIES])

    def __init__(self, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial={"currency": "EUR", **(initial or {})})
        typed = typed_lines(self.initial if data is None else data)
        self.lines = [
            LineForm(number, line, bound=self.is_bound)
            for number, line in enumerate(typed.values() or [{}])
        ]
        self.blank_line = LineForm("new", {})

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= MOST

    @property
    def marks(self) -> list[Mark]:
        return super().marks + [
            replace(mark, name=f"Line {number}, {mark.name.lower()}")
            for number, line in enumerate(self.lines, start=1)
            for mark in marks(line)
        ]

    @property
    def total(self) -> Decimal | None:
        amounts = [line.amount for line in self.lines]
        return sum(filter(None, amounts), Decimal()) if any(amounts) else None

    def asked(self) -> dict[str, Any]:
        self.written = [line for line in self.lines if line.asked()] or self.lines[:1]
        return {**super().asked(), "items": [line.asked() for line in self.written]}

    def form_and_field(self, problem: Problem) -> tuple[forms.Form, str | None]:
        match problem.field.split("."):
            case ["items", number, name] if name in LineForm.base_fields:
                return self.written[int(number)], name
        return super().form_and_field(problem)

    def sentence_for(self, problem: Problem) -> str:
        if problem.field == "items":
            more = len(self.written) - MOST
            return f"An order has at most {MOST} lines; remove {more} of these."
        return super().sentence_for(problem)


class ChangeForm(ContractForm):
    contract = OrderUpdated

    order_id = text("Order number", "It stands on the receipt of the order.")
    customer_id = text("Customer number", "The one the order was placed under.")
    status = choice("New status", [(code, code.capitalize()) for code in _STATUSES])

    def asked(self) -> dict[str, Any]:
        # The time when the form was opened, so that sending it again is the same request.
        return {**super().asked(), "changed_at": self.token.opened_at.isoformat()}


class SignupForm(ContractForm):
    contract = SignupRequested

    name = text("Your name", autocomplete="name")
    email = text(
        "Email address", "We send a link there.", "email", autocomplete="email"
    )
    company = text("Company (optional)", autocomplete="organization")
    phone = text(
        "Phone (optional)", "For example +44 20 7946 0958.", "tel", autocomplete="tel"
    )
    country = text(
        "Country (optional)",
        "Two letters, such as GB.",
        autocomplete="country",
        maxlength="4",  # a phone may leave a space
    )

    def asked(self) -> dict[str, Any]:
        asked = super().asked()
        profile = {
            name: asked.pop(name) for name in Profile.model_fields if name in asked
        }
        if "country" in profile:
            profile["country"] = profile["country"].upper()
        return {**asked, "profile": profile} if profile else asked
