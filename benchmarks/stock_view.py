"""The baseline of accepting: what a Django view with Celery looks like without Holdfast.

The same server as ours, and Django's own middleware alone: it limits no rates and carries no
correlation id, checks no contract, signs no receipt, and logs nothing. The view reads JSON
and calls `.delay()`; it answers once SQS has confirmed the message.
"""

import json
from uuid import uuid4

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.stock_celery import accept


@csrf_exempt
def order(request: HttpRequest) -> JsonResponse:
    request_id = str(uuid4())
    accept.apply_async([json.loads(request.body)], task_id=request_id)
    return JsonResponse({"requestId": request_id}, status=202)


urlpatterns = [path("api/orders", order)]
