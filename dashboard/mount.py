"""Everything of Tally that answers HTTP, to be included below any prefix: pages, API, its description, metrics."""

from django.urls import include, path

from dashboard.views.metrics import Metrics
from jobs.api.schema import docs
from jobs.api.submissions import SubmitShort
from jobs.api.urls import both
from jobs.api.views import UnknownPath

urlpatterns = [
    *both("metrics", Metrics.as_view(), name="metrics"),
    *both("docs", docs, name="docs"),
    path("api/", include("jobs.api.urls")),
    path("api/", include("dlq.api.urls")),
    *both("tasks/submit", SubmitShort.as_view(), name="submit-short"),
    path("api/<path:unknown>", UnknownPath.as_view()),
    *both("api", UnknownPath.as_view(), name="api-root"),
    path("", include("dashboard.urls")),
]
