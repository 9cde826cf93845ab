"""The webhook door: verify, store durably, acknowledge. Nothing else happens in the request."""

from autosync.receiver.app import Receiver

__all__ = ["Receiver"]
