"""The dashboard's pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from autosync.web.views.overview import overview
from autosync.web.views.repository import repository, sync
from autosync.web.views.stream import events

urlpatterns = [
    path("", overview, name="overview"),
    path("events/", events, name="events"),
    path("repositories/<int:repository_id>/", repository, name="repository"),
    path("repositories/<int:repository_id>/sync/", sync, name="sync"),
    path(
        "login/",
        LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
]
