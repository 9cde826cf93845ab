"""The roots of AutoSync's error tree; each room's own errors derive from these."""


class AutoSyncError(Exception):
    """Something went wrong in a way we foresaw; the message says what to do."""


class ConfigurationError(AutoSyncError):
    """A setting is missing or wrong; the message names it and shows what is expected."""
