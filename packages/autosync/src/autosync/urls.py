"""Where each path goes: the API, the admin, and the dashboard for the rest."""

from django.contrib import admin
from django.urls import include, path, re_path

from autosync.api.app import api, nothing_here

urlpatterns = [
    re_path("^api/?$", nothing_here),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("autosync.web.urls")),
]
