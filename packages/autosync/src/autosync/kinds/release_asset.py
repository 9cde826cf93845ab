"""The files of releases, which ride inside them. They come, go and are counted without a word."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Inside, Kind, List, OfRepository
from autosync.kinds._rules import Carried


class ReleaseAsset(OfRepository):
    """One file of a release, keyed by GitHub's id."""

    github_id = gh.Key(graph=None, about="GitHub's id of the file.")
    release_id = models.BigIntegerField(db_index=True)
    name = gh.Text(about="The file's name.")
    label = gh.Text(none=True, graph=None, about="What its release calls it; empty: its name.")
    content_type = gh.Text(prose=False, about="The media type of what is in it.")
    state = gh.Word(graph=None, about="uploaded, or open while it is not.")
    size = gh.BigNumber(about="Its bytes.")
    digest = gh.Text(
        none=True,
        graph=None,
        prose=False,
        about="The digest of its content, as sha256:…; empty if unknown.",
    )
    uploader_id = gh.ActorId(
        "uploader", graph=None, null=True, about="Who uploaded it; null if gone."
    )
    uploader_login = gh.ActorLogin("uploader", graph=None, about="The login of who uploaded it.")
    browser_download_url = gh.Text(graph="downloadUrl", about="The address of the file.")
    # Each download changes it, and moves no clock.
    download_count = gh.Number(apart="counted_at", default=0, about="How often it was fetched.")
    counted_at = models.DateTimeField(null=True, blank=True)
    created_at = gh.Moment(about="When it was uploaded.")

    github = Kind(
        read=Inside("release", "assets", "release_id", counted="releaseAssets"),
        events={"release": Carried("release")},
        needs={"contents": "read"},
        api=List(
            "-created_at",
            filters=("release_id",),
            search=("name",),
            columns=(
                "name",
                "size",
                "download_count",
                "content_type",
                "uploader_login",
                "created_at",
            ),
        ),
    )

    def __str__(self) -> str:
        return self.name
