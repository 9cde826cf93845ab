"""A storm over a simulated GitHub and AutoSync, after which the two must be equal."""
