"""Django's settings, derived from `autosync.config`; nothing here reads the environment itself."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from autosync import config
from autosync.database_url import parameters
from autosync.folders import make_private

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
    "axes",
    "django_htmx",
    "ninja",  # its documentation page without a foreign server
    "procrastinate.contrib.django",
    "autosync.mirror",
    "autosync.sync",
    "autosync.api",
    "autosync.web",
]

MIDDLEWARE = [
    "autosync.web.headers.answer_headers",  # first: it sees every answer, errors included
    "autosync.api.errors.middleware",  # then: it turns what all others answer into JSON
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "autosync.web.signin.EndIdle",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
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


def _database(variable: str, url: str) -> dict[str, Any]:
    """A PostgreSQL address as Django's dictionary."""
    where = parameters(variable, url)
    return {
        "ENGINE": "autosync.postgres.backend",
        "NAME": where.pop("dbname"),
        "USER": where.pop("user", ""),
        "PASSWORD": where.pop("password", ""),
        "HOST": where.pop("host", ""),
        "PORT": where.pop("port", ""),
        "OPTIONS": where,
    }


DATABASES: dict[str, dict[str, Any]] = {
    "default": _database(*CONFIG.session_database)
    if CONFIG.database_url
    else {
        "ENGINE": "autosync.postgres.backend",
        "NAME": "autosync",
        "AUTOSYNC_EMBEDDED_DIR": str(CONFIG.data_dir / "postgres"),
    }
}
# For the web process where DATABASE_URL leads through a pooler (`asgi.py`): a cursor of the server
# and a prepared statement would be another client's at the next transaction.
POOLED_DATABASE: dict[str, Any] = (
    _database("DATABASE_URL", CONFIG.database_url) | {"DISABLE_SERVER_SIDE_CURSORS": True}
    if CONFIG.database_direct_url
    else {}
)
# Connections are kept: the engine's prepared statements live as long as theirs.
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
        make_private(CONFIG.data_dir)
        STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AUTHENTICATION_BACKENDS = [
    "autosync.web.signin.Gate",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 12},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "sign_in": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "sign_in_failures",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}
# Failed sign-ins are counted by address. By name as well, anybody could lock somebody out.
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
AXES_CACHE = "sign_in"
AXES_ENABLE_ADMIN = False
MIGRATION_MODULES = {"axes": None}  # its own tables, which hold names and addresses, stay away
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_CLIENT_IP_CALLABLE = "autosync.web.signin.client_address"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "autosync.web.signin.refused"
AXES_VERBOSE = False

SESSION_COOKIE_AGE = CONFIG.autosync_session_age * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Behind a TLS proxy. The proxy sends people from http to https: if this were done here too, a proxy
# that does not say how it was asked would redirect for ever. `asgi.py` believes only the proxy.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.behind_tls
if CONFIG.autosync_url:
    CSRF_TRUSTED_ORIGINS = [CONFIG.autosync_url]
if CONFIG.behind_tls:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # A browser asks this host by https alone, whatever the port: not for long where it is a
    # developer's own machine.
    SECURE_HSTS_SECONDS = 3600 if CONFIG.is_local else 365 * 24 * 3600

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "autosync.redact.RedactingFormatter",
            "format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "autosync": {"level": CONFIG.autosync_log_level},
        "procrastinate": {"level": "WARNING"},
        "axes": {"level": "CRITICAL"},  # autosync.web.signin says it, with less of the person
        # A failing transport logs whole URLs at INFO; ours logs what matters, without secrets.
        "httpx": {"level": "WARNING"},
    },
}
