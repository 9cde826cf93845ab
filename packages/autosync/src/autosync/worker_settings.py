"""Django's settings for the worker, which serves nobody: without pages, API, admin and sign-in.

Half of what Django loads belongs to these.
"""

from autosync.settings import *  # noqa: F403
from autosync.settings import INSTALLED_APPS as _ALL

_SERVE_PEOPLE = {
    "autosync.api",
    "autosync.web",
    "axes",
    "django.contrib.admin",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "ninja",
    "whitenoise.runserver_nostatic",
}

INSTALLED_APPS = [app for app in _ALL if app not in _SERVE_PEOPLE]
MIDDLEWARE = []
AUTHENTICATION_BACKENDS = []
