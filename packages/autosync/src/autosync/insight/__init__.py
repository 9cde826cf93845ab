"""What the mirror tells about itself, for the API, the dashboard and doctor."""
