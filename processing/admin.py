import json
from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import ManyToManyField
from django.forms import CheckboxSelectMultiple
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

from processing.events.masking import mask, mask_body, mask_value
from processing.models import (
    Attempt,
    Order,
    OrderItem,
    OrderReturn,
    Outcome,
    SpooledEvent,
    StaffMember,
    User,
)
from processing.sqs.topology import QUEUES
from processing.staff import rights, second_factor
from processing.staff.known_values import filter_among
from processing.staff.read_only_admin import ReadOnlyAdmin, hidden, masked_field


class OrderItemInline(admin.TabularInline):
    model = OrderItem
    extra = 0
    can_delete = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    personal = {"email": mask_value}
    masked_email = masked_field("email")
    list_display = ("order_id", "customer_id", "total", "currency", "status")
    list_filter = ("status",)
    search_fields = ("order_id__exact", "customer_id__exact", "email__exact")
    search_help_text = "An order id, a customer id or an email address, in full"
    inlines = (OrderItemInline,)


@admin.register(OrderReturn)
class OrderReturnAdmin(ReadOnlyAdmin):
    personal = {"reason": hidden}
    masked_reason = masked_field("reason")
    list_display = ("order_id", "masked_reason", "created_at")
    search_fields = ("order__order_id__exact", "request_id__exact")
    search_help_text = "Finds an order id or a request id, written in full."
    raw_id_fields = ("order",)
    fields = ("order", "order_id", "reason", "skus_in_words", "request_id")
    readonly_fields = ("order_id", "skus_in_words")

    @admin.display(description="SKUs")
    def skus_in_words(self, row: OrderReturn) -> str:
        return ", ".join(row.skus)


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    personal = {
        **dict.fromkeys(("email", "username"), mask_value),
        **dict.fromkeys(("name", "first_name", "last_name", "profile"), hidden),
    }
    masked_email = masked_field("email")
    masked_username = masked_field("username")
    masked_name = masked_field("name")
    masked_first_name = masked_field("first_name")
    masked_last_name = masked_field("last_name")
    masked_profile = masked_field("profile")
    list_display = (
        "masked_email",
        "masked_name",
        "is_active",
        "is_staff",
        "verified_at",
    )
    list_filter = ("is_active", "is_staff")
    search_fields = ("email__exact", "username__exact")
    search_help_text = "An email address or a user name, in full"
    exclude = ("password",)


@admin.register(StaffMember)
class StaffAdmin(auth_admin.UserAdmin):
    """Staff and their permissions.

    Accounts are never deleted, for the audit trail's sake.
    """

    list_display = ("username", "name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username__exact", "email__exact")
    search_help_text = "A user name or an email address, in full"
    ordering = ("username",)
    show_full_result_count = False
    actions = None
    actions_on_bottom = True  # as of ReadOnlyAdmin
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Who they are", {"fields": ("name", "email")}),
        ("What they may do", {"fields": ("is_active", "groups", "is_superuser")}),
    )
    filter_horizontal = ()

    change_form_template = "admin/staff/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reset_second_factor)
        name = "processing_staffmember_second_factor"
        return [path("<int:pk>/second-factor/", view, name=name), *super().get_urls()]

    def reset_second_factor(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then delete the app and the codes of a person who lost both."""
        person = self.get_object(request, str(pk))
        if not request.user.is_superuser:
            raise PermissionDenied
        if person is None:
            raise Http404
        if request.method == "POST":
            second_factor.reset(person)
            self.log_change(request, person, "Second factor reset.")
            self.message_user(request, f"The second factor of {person} was reset.")
            return redirect("admin:processing_staffmember_change", pk)
        back = reverse("admin:processing_staffmember_change", args=[pk])
        context = {
            **self.admin_site.each_context(request),
            "title": f"Reset the second factor of {person}",
            "back": back,
        }
        return render(request, "admin/staff/reset_second_factor.html", context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes rights or password of a person who has more rights."""
        return super().has_change_permission(request, obj) and (
            obj is None or rights.reaches_user(request.user, obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if request.user.is_superuser else ("is_superuser",)

    def get_field_queryset(
        self, db: str | None, db_field: Any, request: HttpRequest
    ) -> Any:
        if db_field.name == "groups":
            return rights.grantable_groups(request.user)
        return super().get_field_queryset(db, db_field, request)

    def save_model(
        self, request: HttpRequest, obj: StaffMember, form: Any, change: bool
    ) -> None:
        obj.is_staff = True
        super().save_model(request, obj, form, change)


# Nobody sees keys and codes. A superuser resets both on the person's page.
admin.site.unregister((TOTPDevice, StaticDevice, Group))


@admin.register(Group)
class StaffGroupAdmin(auth_admin.GroupAdmin):
    """The permissions of a group. Nobody gains rights through their own group."""

    show_full_result_count = False
    actions = None
    actions_on_bottom = True  # as of ReadOnlyAdmin
    filter_horizontal = ()  # two lists and a script, which do not fit a narrow window

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (
            obj is None or rights.reaches_group(request.user, obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (
            obj is None or rights.reaches_group(request.user, obj)
        )

    def formfield_for_manytomany(
        self,
        db_field: ManyToManyField,
        request: HttpRequest | None = None,
        **kwargs: Any,
    ) -> Any:
        if request is not None and db_field.name == "permissions":
            kwargs["queryset"] = rights.grantable_permissions(request.user)
            kwargs["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)


def _mask_made(made: dict[str, str]) -> str:
    """The text of staff for the sender may contain an address."""
    return mask(json.dumps(made, ensure_ascii=False))


@admin.register(Outcome)
class OutcomeAdmin(ReadOnlyAdmin):
    personal = {"made": _mask_made}
    masked_made = masked_field("made")
    list_display = ("request_id", "kind", "type", "at", "remark")
    list_filter = ("kind",)
    search_fields = ("request_id__exact", "correlation_id__exact")
    search_help_text = "A request id or a correlation id"

    @admin.display
    def remark(self, outcome: Outcome) -> str:
        """The text for the sender, if the request was not fulfilled as asked."""
        if outcome.stale:
            return "Nothing changed: a later change was stored already."
        return mask(outcome.message_for_sender)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    personal = dict.fromkeys(("error_text", "traceback"), hidden)
    masked_error_text = masked_field("error_text")
    masked_traceback = masked_field("traceback")
    list_display = ("started_at", "request_id", "queue", "error_type", "permanent")
    list_filter = ("permanent", filter_among("queue", QUEUES))
    ordering = ("-id",)  # as they came; no index holds their times
    search_fields = ("request_id__exact", "message_id__exact", "error_type__exact")
    search_help_text = "A request id, a message id or an error type"


@admin.register(SpooledEvent)
class SpooledEventAdmin(ReadOnlyAdmin):
    personal = {"body": mask_body, "trace": lambda one: one[:55]}
    masked_body = masked_field("body")
    masked_trace = masked_field("trace")
    list_display = ("request_id", "created_at", "tries", "refusal", "refused_for_good")
    list_filter = ("refused_for_good",)
    search_fields = ("request_id__exact",)
    search_help_text = "A request id"
