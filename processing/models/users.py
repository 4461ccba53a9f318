"""Accounts, the sign-ups that made them, and staff."""

from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower

from processing.events.masking import mask
from processing.models.requests import REQUEST_ID_LENGTH


class Users(UserManager[Any]):
    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> Any:
        """Raises ValidationError if somebody has the address already."""
        self.model(email=email or "").validate_constraints()
        return super().create_superuser(username, email, password, **more)


class StaffManager(UserManager["StaffMember"]):
    def get_queryset(self) -> models.QuerySet["StaffMember"]:
        return super().get_queryset().filter(is_staff=True)


class User(AbstractUser):
    """Staff, and the owners of accounts. A sign-up is inactive until its mail is answered."""

    username = models.CharField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    profile = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(
        max_length=REQUEST_ID_LENGTH, null=True, blank=True, unique=True
    )
    verified_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager[Self]] = Users()

    class Meta(AbstractUser.Meta):
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="one_account_per_address",
                violation_error_message="Somebody has this address already.",
            ),
        )
        indexes = (
            models.Index(
                fields=("username",),
                condition=models.Q(is_staff=True),
                name="account_of_staff",
            ),
            models.Index(
                fields=("date_joined",),
                condition=models.Q(verified_at=None, request_id__isnull=False),
                name="account_unverified",
            ),
        )

    def __str__(self) -> str:
        """For any title: an address is shortened."""
        return mask(self.username)


class Signup(models.Model):
    """The data of one sign-up for an account that is not open yet.

    The link of this sign-up opens the account with this name and this profile, even if
    others have signed up with the same address.
    """

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    account = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signups")
    name = models.CharField(max_length=200)
    profile = models.JSONField(default=dict)
    asked_at = models.DateTimeField()

    class Meta:
        ordering = ("-asked_at", "-request_id")
        indexes = (models.Index(fields=("asked_at",), name="signup_by_age"),)

    def __str__(self) -> str:
        return self.request_id


class StaffMember(User):
    """A user who may enter the admin. Accounts come from events; staff are made by hand."""

    objects: ClassVar = StaffManager()

    class Meta:
        proxy = True
        verbose_name = "staff member"
