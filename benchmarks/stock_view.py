"""The baseline of accepting: what a Django view with Celery looks like without Holdfast.

The same server, settings and middleware as ours; the view reads JSON and calls `.delay()`,
with less checking than ours does. The answer comes once SQS has confirmed the message.
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
