"""What SQS does wrong in a run. Each must fire at least once, else the run is void."""

from tests.fault_proxy import Fault

SQS_FAULTS = (
    Fault("send 500", "SendMessage", status=500, times=6),
    Fault("send 403", "SendMessage", status=403, code="AccessDenied", times=6),
    Fault("send throttled", "SendMessage", 400, "ThrottlingException", times=6),
    Fault("send answer lost", "SendMessage", lose_answer=True, times=6),
    Fault("send hangs", "SendMessage", pause=3, status=500, times=4),
    Fault("batch 500", "SendMessageBatch", status=500, times=2),
    Fault("batch answer lost", "SendMessageBatch", lose_answer=True, times=2),
    Fault("receive 500", "ReceiveMessage", status=500, times=5),
    Fault("receive 403", "ReceiveMessage", status=403, code="AccessDenied", times=5),
    Fault("receive throttled", "ReceiveMessage", 400, "ThrottlingException", times=5),
    Fault("receive answer lost", "ReceiveMessage", lose_answer=True, times=4),
    Fault("receive hangs", "ReceiveMessage", pause=8, status=500, times=4),
    Fault("delete 500", "DeleteMessageBatch", status=500, times=3),
    Fault("delete 403", "DeleteMessageBatch", 403, "AccessDenied", times=3),
    Fault("delete answer lost", "DeleteMessageBatch", lose_answer=True, times=3),
    Fault("hide 500", "ChangeMessageVisibility", status=500, times=3),
)
REFUSED = "sqs refuses connections"
NO_CREDENTIALS = "credentials away"
HANGING = "database hanging"
