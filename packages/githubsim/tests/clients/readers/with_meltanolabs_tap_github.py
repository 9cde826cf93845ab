"""tap-github as its command line runs it, except that it reaches the simulator.

It asks the public address about its token, whatever `api_url_base` says; here these few requests
go to githubsim as well. Nothing else of it is changed.
"""

import os

import requests
from tap_github.tap import cli

PUBLIC = "https://api.github.com"
send = requests.Session.request


def redirected(session, method, url, *args, **options):
    if url.startswith(f"{PUBLIC}/"):
        url = os.environ["GITHUBSIM_URL"] + url.removeprefix(PUBLIC)
    return send(session, method, url, *args, **options)


requests.Session.request = redirected
cli()
