"""Where everything is."""

from django.contrib import admin
from django.urls import include, path

from jobs.api.urls import both
from taskqueue_project import health

admin.autodiscover()

urlpatterns = [
    *both("healthz", health.healthz, name="healthz"),
    *both("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", include("dashboard.mount")),
]
