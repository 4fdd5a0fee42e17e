"""Django's admin as an application, with this project's site. The URLs load what it shows: a worker needs none of it."""

from django.contrib.admin.apps import SimpleAdminConfig


class TallyAdminConfig(SimpleAdminConfig):
    default_site = "taskqueue_project.administration.TallySite"
