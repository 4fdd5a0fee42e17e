"""Django's admin as an application, with this project's site."""

from django.contrib.admin.apps import AdminConfig


class TallyAdminConfig(AdminConfig):
    default_site = "taskqueue_project.administration.TallySite"
