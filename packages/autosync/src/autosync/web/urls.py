"""The dashboard's pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from autosync.web.views.commit import commit
from autosync.web.views.deliveries import (
    delivery,
    delivery_list,
    replay_one,
    replay_parked,
)
from autosync.web.views.health import health
from autosync.web.views.jobs import job, job_list
from autosync.web.views.numbered import issue, pull_request
from autosync.web.views.overview import overview
from autosync.web.views.repository import repository, sync
from autosync.web.views.stream import events

urlpatterns = [
    path("", overview, name="overview"),
    path("events/", events, name="events"),
    path("repositories/<int:repository_id>/", repository, name="repository"),
    path("repositories/<int:repository_id>/sync/", sync, name="sync"),
    path("repositories/<int:repository_id>/issues/<int:number>/", issue, name="issue-page"),
    path("repositories/<int:repository_id>/pulls/<int:number>/", pull_request, name="pull-page"),
    path("repositories/<int:repository_id>/commits/<str:sha>/", commit, name="commit-page"),
    path("jobs/", job_list, name="jobs"),
    path("jobs/<int:job_id>/", job, name="job"),
    path("deliveries/", delivery_list, name="deliveries"),
    path("deliveries/replay/", replay_parked, name="replay-parked"),
    path("deliveries/<int:delivery_id>/", delivery, name="delivery"),
    path("deliveries/<int:delivery_id>/replay/", replay_one, name="replay"),
    path("health/", health, name="health"),
    path(
        "login/",
        LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
]
