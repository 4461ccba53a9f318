"""The rights that staff may grant: nobody grants a permission that they do not have.

A superuser may do everything. Anybody else may change only people and groups whose
permissions are all among their own, and gives only such groups and permissions. Rights of
inactive people count too, because they have them again when they are reactivated.
"""

from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db.models import Q, QuerySet

from processing.models import User

Actor = User | AnonymousUser


def grantable_permissions(actor: Actor) -> QuerySet[Permission]:
    """The permissions that *actor* has, and so may give."""
    if actor.is_superuser:
        return Permission.objects.all()
    if actor.is_anonymous or not actor.is_active:
        return Permission.objects.none()
    return _held_by(actor)


def grantable_groups(actor: Actor) -> QuerySet[Group]:
    """The groups whose permissions *actor* has, all of them."""
    if actor.is_superuser:
        return Group.objects.all()
    beyond = Permission.objects.exclude(pk__in=grantable_permissions(actor))
    return Group.objects.exclude(permissions__in=beyond)


def reaches_user(actor: Actor, target: User) -> bool:
    """Whether *actor* has every permission of *target*."""
    if actor.is_superuser:
        return True
    return not target.is_superuser and _covers(actor, _held_by(target))


def reaches_group(actor: Actor, group: Group) -> bool:
    return _covers(actor, Permission.objects.filter(group=group))


def _covers(actor: Actor, permissions: QuerySet[Permission]) -> bool:
    own = grantable_permissions(actor).values("pk")
    return not permissions.exclude(pk__in=own).exists()


def _held_by(user: User | AnonymousUser) -> QuerySet[Permission]:
    """The permissions of *user*, by group or by name, active or not."""
    named = Q(user=user.pk) | Q(group__user=user.pk)
    return Permission.objects.filter(named).distinct()
