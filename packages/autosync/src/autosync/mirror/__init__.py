"""The inside: models, the one door for writes, tombstones, the inbox and the feed."""
