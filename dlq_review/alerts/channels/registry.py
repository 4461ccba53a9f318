from django.conf import settings

from dlq_review.alerts.channels import alertmanager, mail, slack, sns, webhook
from dlq_review.alerts.channels.channel import Channel

CHANNELS = {
    channel.name: channel
    for channel in (
        mail.CHANNEL,
        sns.CHANNEL,
        slack.CHANNEL,
        webhook.CHANNEL,
        alertmanager.CHANNEL,
    )
}


def configured() -> list[Channel]:
    """The channels that the settings of this process turn on."""
    return [one for one in CHANNELS.values() if getattr(settings, one.setting)]
