"""The REST API: read the mirror, start syncs, look into the inbox."""
