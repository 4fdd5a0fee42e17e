"""`/metrics`: for Prometheus, with a token or a session as everything else."""

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from rest_framework.request import Request

from dashboard.metrics import TallyCollector
from jobs.api.views import ApiView


class Metrics(ApiView):
    """Prometheus' text format, or OpenMetrics for who accepts it."""

    needs = "jobs.view_job"

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(TallyCollector(now=timezone.now()))
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type)
