"""The dashboard's views, one file per page."""
