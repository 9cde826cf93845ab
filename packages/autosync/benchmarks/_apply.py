"""Applies deliveries and says what that cost; runs with any commit's `autosync` that has an inbox.

`python -m benchmarks._apply FOLDER BODIES ROUND`: FOLDER keeps the embedded PostgreSQL between the
rounds, BODIES is a JSON object of event → bodies. Prints event → [CPU seconds of this process, of
its database session, deliveries], each applied in batches, and "one by one".
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks._inside import cpu, make_the_repository, use


def main() -> None:
    """Set up, apply, print."""
    folder, bodies, number = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    use(folder)
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(_measured(json.loads(bodies.read_text()), number)))


def _measured(bodies: dict[str, list[Any]], number: str) -> dict[str, list[float]]:
    from autosync.sync import WebhookProcessor

    make_the_repository()
    found = {}
    for event, some in bodies.items():
        for way, limit in (("batches", 50), ("one by one", 1)):
            _store(event, some, f"{number}-{way}")
            processor = WebhookProcessor()
            before = cpu()
            while processor.process_batch(limit):
                pass
            own, session = (now - then for now, then in zip(cpu(), before, strict=True))
            found[f"{event}, {way}"] = [own, session, len(some)]
    return found


def _store(event: str, bodies: list[Any], prefix: str) -> None:
    from autosync.mirror.models import Delivery

    try:
        door = importlib.import_module("autosync.mirror.inbox")
    except ImportError:  # its name before there were kinds
        door = importlib.import_module("autosync.mirror.deliveries")
    made = []
    for place, body in enumerate(bodies):
        one = Delivery(guid=f"{prefix}-{event}-{place}", event=event, action="edited", headers={})
        one.body = json.dumps(body).encode()
        one.installation_id, one.repository_id = 7, 5
        made.append(one)
    for start in range(0, len(made), 500):
        door.store(made[start : start + 500], Delivery.Source.WEBHOOK)


if __name__ == "__main__":
    main()
