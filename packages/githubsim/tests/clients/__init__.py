"""Other people's GitHub clients, unmodified, reading a world of githubsim over HTTP.

They come from PyPI and npm into `.clients/`: run them with `make test-clients`.
"""
