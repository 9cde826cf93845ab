"""The processes: who is started, watched, restarted and stopped."""
