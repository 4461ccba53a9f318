from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from processing.models import User

ClientOf = Callable[..., Client]


@pytest.fixture
def client_of() -> ClientOf:
    """The browser of a staff member who holds the named permissions and no other."""

    def make(*permissions: str, name: str = "ada") -> Client:
        user = User.objects.create(
            username=name, email=f"{name}@example.com", is_staff=True
        )
        user.user_permissions.set(
            Permission.objects.filter(
                codename__in=[f"{one}_deadletter" for one in permissions]
            )
        )
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def desk(client_of: ClientOf) -> Client:
    """The browser of somebody who may do everything with dead letters."""
    return client_of(
        *("view", "change", "redrive", "bulk_redrive", "discard", "export"),
        "view_personal",
    )
