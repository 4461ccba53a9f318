"""A test that flushes the database leaves the groups of staff to the next one."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from tests import roles


@pytest.mark.django_db
def test_the_groups_outlast_a_flush() -> None:
    def held() -> dict[str, set[str]]:
        return {
            one.name: set(one.permissions.values_list("codename", flat=True))
            for one in Group.objects.all()
        }

    made = held()
    assert set(made) == {*roles.NAMES}
    call_command("flush", interactive=False, verbosity=0)
    assert held() == made
