"""The running service: a name that another repository took, and payloads that point elsewhere."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from githubsim.testing import Sim
from tests.chaos.reader import differences
from tests.service import SECRET, Service, free_port, hook_url
from tests.service_processes import deliver
from tests.waiting import Told, eventually


def test_nothing_is_stored_under_the_wrong_id_and_nobody_else_sees_a_token() -> None:
    shown: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(f"{self.path} {self.headers.get('Authorization', '')}")
            self.send_error(404)

        do_POST = do_GET

    stranger = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    port = free_port()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    world = {"repositories": 2, "commits": 20, "issues": 2, "pulls": 0}
    with (
        Sim(install=False, **world, **hook) as sim,
        Service(sim, port, AUTOSYNC_SYNC_INTERVAL="59") as service,
    ):
        sim.control("install")
        eventually(lambda: not differences(sim, service.query), "the import is complete")
        known = sim.ask("inventory")["repositories"][0]
        name, number = known["full_name"], known["id"]
        owner, short = name.split("/")
        [[node_id]] = service.query(f"SELECT node_id FROM repositories WHERE github_id = {number}")

        sim.control("webhooks", {"on": False})
        sim.control("repositories/edit", {"repository": name, "name": f"{short}-old"})
        sim.control("repositories/create", {"owner": owner, "name": short})
        foreign = {"repository": name, "branch": "main", "commits": [{"message": "FOREIGN"}]}
        sim.control("push", foreign)
        sim.control("webhooks", {"on": True})
        sim.control("push", {"repository": f"{name}-old", "commits": [{"message": "OWN"}]})
        # Besides, a payload that sends everybody elsewhere.
        elsewhere = f"http://127.0.0.1:{stranger.server_port}/{name}-old.git"
        urls = dict.fromkeys(("clone_url", "html_url", "url", "git_url", "ssh_url"), elsewhere)
        payload = {
            "action": "edited",
            "installation": {"id": service.query("SELECT github_id FROM installations")[0][0]},
            "repository": {
                "id": number, "node_id": node_id, "name": f"{short}-old",
                "full_name": f"{name}-old", "owner": {"login": owner, "id": 1},
                "updated_at": "2999-01-01T00:00:00Z", "default_branch": "main", **urls,
            },
        }  # fmt: skip
        body = json.dumps(payload).encode()
        assert deliver(service.port, body, event="repository", secret=SECRET)[0] == 202
        own = "SELECT repository_id, orphaned_at FROM commits WHERE message = 'OWN'"
        eventually(lambda: service.query(own) == [[number, None]], Told(service.said))
        sim.control("push", {"repository": f"{name}-old", "commits": [{"message": "more"}]})
        more = "SELECT count(*) FROM commits WHERE message = 'more' AND complete"
        eventually(lambda: service.query(more) == [[1]], Told(service.said))

        wrong = f"SELECT message FROM commits WHERE repository_id = {number} AND ("
        assert service.query(f"{wrong} message = 'FOREIGN' OR orphaned_at IS NOT NULL)") == []
        assert service.query("SELECT title FROM feed WHERE title = 'FOREIGN'") == []
        named = f"SELECT full_name FROM repositories WHERE github_id = {number}"
        assert service.query(named) == [[f"{name}-old"]]
        assert shown == []
        service.run("manage.py", "sync_github", "--force")
        left = Told(lambda: f"{differences(sim, service.query)}; {service.said()}")
        eventually(lambda: not differences(sim, service.query), left)
    stranger.shutdown()
    stranger.server_close()
