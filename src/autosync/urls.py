"""Where each path goes: the API, the admin, and the dashboard for the rest."""

from django.contrib import admin
from django.urls import include, path

from autosync.api.app import api

urlpatterns = [
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("autosync.web.urls")),
]
