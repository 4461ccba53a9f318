"""Pages of every kind of the desk."""

from dlq_review.groups import triage
from dlq_review.letters import revisions, settlement
from dlq_review.models import Operation, RedrivePolicy
from dlq_review.operations import control, plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, failure, order_created, redrive_now
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS, POLICIES, page
from tests.dlq_review.policies import policy


def pages() -> dict[str, str]:
    """Pages of every kind, by what is on them."""
    waiting = dead_letter(order_created(), attributes=failure(error_type="AError"))
    broken = dead_letter(
        order_created().body.replace("EUR", "euros"),
        attributes=failure(error_type="BError"),
    )
    edited = dead_letter(event := order_created())
    body = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(edited, body, based_on=0, by="bob", reason="x")
    often = dead_letter(order_created())
    type(often).objects.filter(pk=often.pk).update(redrives=5)
    gone, sent = dead_letter(order_created()), dead_letter(order_created())
    settlement.discard(gone, by="bob", reason="x")
    drafts = {
        kind: plans.freeze(Selection(), Plan(kind, rate=500), by="bob", reason="x")
        for kind in ("redrive", "discard")
    }
    going = plans.freeze(Selection(), Plan(rate=500), by="bob", reason="x")
    control.start(going, by="bob")
    ended = plans.freeze(Selection(), Plan("discard", rate=500), by="bob", reason="x")
    Operation.objects.filter(pk=ended.pk).update(state=Operation.State.DONE)
    redrive_now(sent, by="bob")
    triage.acknowledge(broken.group, by="bob")
    back = dead_letter(order_created(), attributes=failure(error_type="CError")).group
    type(back).objects.filter(pk=back.pk).update(owner="reader.1", state="regressed")
    return {
        "overview": "/admin/",
        "letters": LIST,
        "letters that cannot be sent": f"{LIST}?group={broken.group_id}",
        "discarded letters": f"{LIST}?state=discarded",
        "letters of the last day": f"{LIST}?since=24h&state=waiting",
        "a letter": page(waiting),
        "a letter out of a list": f"{page(waiting)}?list=state%3Dwaiting",
        "a letter that cannot be sent": page(broken),
        "a letter that was redriven often": page(often),
        "a discarded letter": page(gone),
        "an edit": f"{page(edited, 'edit')}?list=state%3Dwaiting",
        "groups": GROUPS,
        "a group": f"{GROUPS}{waiting.group_id}/change/",
        "a group of a colleague": f"{GROUPS}{broken.group_id}/change/",
        "a group of reader 1 that came back": f"{GROUPS}{back.pk}/change/",
        "operations": OPERATIONS,
        **{
            f"an operation to {kind}": f"{OPERATIONS}{one.pk}/change/"
            for kind, one in drafts.items()
        },
        "an operation that runs": f"{OPERATIONS}{going.pk}/change/",
        "an operation that discarded": f"{OPERATIONS}{ended.pk}/change/",
        "policies": POLICIES,
        **{
            f"a policy, {now}": f"{POLICIES}{policy(owner='bob', state=now).pk}/change/"
            for now in RedrivePolicy.State.values
        },
    }
