"""The dashboard's pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from autosync.web.views.overview import overview
from autosync.web.views.stream import events

urlpatterns = [
    path("", overview, name="overview"),
    path("events/", events, name="events"),
    path(
        "login/",
        LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
]
