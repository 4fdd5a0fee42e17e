"""What answers at the socket's address when somebody comes without a socket."""

from django.http import HttpRequest, HttpResponse, JsonResponse


def refuse_http(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    detail = "This address speaks WebSocket only: open it with ws:// or wss://."
    return JsonResponse({"detail": detail}, status=426, headers={"Upgrade": "websocket", "Connection": "Upgrade"})
