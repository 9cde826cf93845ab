"""Django's settings, derived from `autosync.config`; nothing here reads the environment itself."""

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from autosync import config
from autosync.errors import ConfigurationError

CONFIG = config.load()

SECRET_KEY = CONFIG.secret_key()
DEBUG = CONFIG.autosync_debug
ALLOWED_HOSTS = CONFIG.allowed_hosts

INSTALLED_APPS = [
    "autosync",  # first: of commands with one name Django takes that of the first app
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "ninja",  # its documentation page without a foreign server
    "procrastinate.contrib.django",
    "autosync.mirror",
    "autosync.sync",
    "autosync.api",
    "autosync.web",
]

MIDDLEWARE = [
    "autosync.api.errors.middleware",  # first: it turns what all others answer into JSON
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "autosync.urls"
ASGI_APPLICATION = "autosync.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _database(url: str) -> dict[str, Any]:
    """`postgresql://user:password@host:port/name?sslmode=…` as Django's dictionary."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise ConfigurationError(
            "DATABASE_URL is not a PostgreSQL address. It looks like "
            "postgresql://user:password@host:5432/autosync; leave it empty for the embedded one."
        )
    try:
        port = parts.port
    except ValueError:
        raise ConfigurationError("DATABASE_URL: the port is not a number.") from None
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "autosync.postgres.backend",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or options.pop("host", "")),
        "PORT": str(port or options.pop("port", "")),
        "OPTIONS": options,
    }


DATABASES: dict[str, dict[str, Any]] = {
    "default": _database(CONFIG.database_url)
    if CONFIG.database_url
    else {
        "ENGINE": "autosync.postgres.backend",
        "NAME": "autosync",
        "AUTOSYNC_EMBEDDED_DIR": str(CONFIG.data_dir / "postgres"),
    }
}
# Connections are kept: the engine's temporary tables live as long as theirs.
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("application_name", "autosync")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = CONFIG.data_dir / "static"
if config.makes_folders or CONFIG.data_dir.exists():
    with suppress(OSError):  # WhiteNoise warns about a missing folder; the finders serve the files
        STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "autosync": {"level": CONFIG.autosync_log_level},
        "procrastinate": {"level": "WARNING"},
        # A failing transport logs whole URLs at INFO; ours logs what matters, without secrets.
        "httpx": {"level": "WARNING"},
    },
}
