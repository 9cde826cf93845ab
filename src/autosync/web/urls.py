"""The dashboard's pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from autosync.web.views.overview import overview

urlpatterns = [
    path("", overview, name="overview"),
    path(
        "login/",
        LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
]
