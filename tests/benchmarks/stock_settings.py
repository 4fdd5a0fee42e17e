"""The least Django that django-celery-results needs."""

import os

import environ

DATABASES = {"default": {**environ.Env.db_url_config(os.environ["DATABASE_URL"]), "CONN_MAX_AGE": None}}
INSTALLED_APPS = ["django_celery_results"]
SECRET_KEY = "only-for-the-benchmark"
USE_TZ = True
