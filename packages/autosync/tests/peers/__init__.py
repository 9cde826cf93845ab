"""What other connectors read of the same GitHub, against the mirror (make test-clients)."""
