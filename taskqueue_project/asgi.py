"""What the web server runs: pages and API over HTTP, the live statistics over a socket."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taskqueue_project.settings")
http = get_asgi_application()  # first: it loads the applications that the rest imports

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  (see above)

from dashboard.routing import websocket_urlpatterns  # noqa: E402  (see above)

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
