"""Every list of the admin can be searched and filtered by whatever it offers."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_sqs")]

LISTS = {model._meta.label: model for model in admin.site._registry}


@pytest.mark.parametrize("label", LISTS)
def test_a_list_can_be_searched(admin_client: Client, label: str) -> None:
    options = LISTS[label]._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    for query in ({}, {"q": "no-such-thing"}, {"q": "a b"}):
        assert admin_client.get(address, query).status_code == 200


@pytest.mark.parametrize("label", LISTS)
def test_a_list_searches_by_fields_that_are_there(label: str) -> None:
    model = LISTS[label]
    for name in admin.site._registry[model].search_fields:
        field, _, lookup = name.lstrip("=^@").partition("__")
        assert (
            model._default_manager.filter(**{f"{field}__{lookup or 'icontains'}": "x"})
            is not None
        )
