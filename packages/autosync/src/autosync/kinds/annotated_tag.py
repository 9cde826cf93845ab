"""Annotated tags: objects of git's own, with a message, a tagger and perhaps a signature."""

from __future__ import annotations

from autosync.github.git import GitReader
from autosync.kinds import _columns as gh
from autosync.kinds import _git as git
from autosync.kinds._kind import Clock, Git, Kind, List, OfRepository


class AnnotatedTag(OfRepository, key=("repository_id", "sha")):
    """A tag object that a tag of the repository names. It never changes; it may go and return."""

    sha = gh.Sha(None, about="The name of the tag object; that of the commit is in refs.")
    tag = gh.Text(None, prose=False, about="Its name, as the object has it; a ref may differ.")
    message = gh.Text(None, blank=True, about="The whole message, without a signature.")
    tagger_name = git.PersonName(None, about="The name of who made it, as the object has it.")
    tagger_email = git.PersonEmail(None, about="Their e-mail address, as the object has it.")
    tagged_at = gh.Moment(None, null=True, about="When it was made; null for tags of old gits.")
    object_sha = gh.Sha(None, about="The name of what it is of.")
    object_type = gh.Word(None, about="commit, tree or blob, or tag: of another annotated tag.")
    signed = gh.Flag(None, about="Whether it has a signature; nobody checked it here.")

    github = Kind(
        read=Git(GitReader.tags),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "-tagged_at",
            filters=("object_sha", "tagger_email"),
            search=("tag", "message"),
            columns=("tag", "tagger_name", "tagged_at", "object_sha"),
        ),
    )

    def __str__(self) -> str:
        return self.tag
