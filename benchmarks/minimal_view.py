"""A stand-in for POST /api/orders until intake has it: parse, publish, 202."""

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from processing import queues, strict_json
from processing.events import Event, OrderCreated


@csrf_exempt
def order(request: HttpRequest) -> JsonResponse:
    event = Event.new(OrderCreated.model_validate(strict_json.loads(request.body)))
    queues.publish(event)
    return JsonResponse({"requestId": event.id}, status=202)


urlpatterns = [path("api/orders", order)]
