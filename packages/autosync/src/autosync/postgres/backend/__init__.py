"""Django's PostgreSQL backend, with the embedded server behind it where a data folder is named."""
