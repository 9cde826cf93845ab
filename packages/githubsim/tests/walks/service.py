"""The service itself, users, the App, its hook and its installations."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    owner = repository.split("/")[0]
    for path in ("/", "/meta", "/rate_limit", "/versions", "/zen"):
        walk.get(path)
    _users(walk, owner)
    _app(walk, repository)
    _hook(walk)
    walk.delete("/installation/token")
    walk.renew()
    (installation,) = walk.get("/app/installations", who="app")
    walk.delete(f"/app/installations/{installation['id']}", who="app")
    walk.get(f"/app/installations/{installation['id']}", status=404, who="app")
    walk.control("install", account=owner)
    walk.control("webhooks/wait", timeout=30)


def _users(walk: Walker, owner: str) -> None:
    me = walk.get("/user", who="user")
    walk.get("/user", status=401, who="nobody")
    walk.get("/user/repos", who="user")
    walk.get(f"/user/{me['id']}")
    walk.get(f"/users/{me['login']}")
    walk.get("/users/ghost")
    walk.get("/users/nobody-at-all", status=404)
    walk.get(f"/users/{me['login']}/orgs")
    for login in (me["login"], owner):
        walk.get(f"/users/{login}/repos")


def _app(walk: Walker, repository: str) -> None:
    owner = repository.split("/")[0]
    app = walk.get("/app", who="app")
    walk.get(f"/apps/{app['slug']}", who="nobody")
    walk.get("/apps/nothing", status=404)
    (installation,) = walk.get("/app/installations", who="app")
    path = f"/app/installations/{installation['id']}"
    walk.get(path, who="app")
    for place in (f"/orgs/{owner}", f"/users/{owner}", f"/repos/{repository}"):
        walk.get(f"{place}/installation", who="app")
    walk.post(f"{path}/access_tokens", who="app")
    some = walk.get("/installation/repositories")["repositories"][0]["id"]
    narrow = {"repository_ids": [some], "permissions": {"issues": "read"}}
    walk.post(f"{path}/access_tokens", narrow, who="app")
    walk.post(f"{path}/access_tokens", {"repository_ids": [1]}, status=422, who="app")
    walk.control("installation/permissions", permissions={"administration": None})
    walk.put(f"{path}/suspended", status=204, who="app")
    walk.post(f"{path}/access_tokens", status=403, who="app")
    walk.delete(f"{path}/suspended", who="app")


def _hook(walk: Walker) -> None:
    config = walk.get("/app/hook/config", who="app")
    walk.patch("/app/hook/config", {"url": config["url"], "content_type": "json"}, who="app")
    walk.patch("/app/hook/config", {"content_type": "poem"}, status=422, who="app")
    walk.control("ping")
    walk.control("webhooks/wait", timeout=30)
    for query in ("?per_page=50", "?status=success", "?redelivery=false"):
        log = walk.get(f"/app/hook/deliveries{query}", who="app")
    walk.get("/app/hook/deliveries?cursor=nonsense", status=422, who="app")
    for one in log[:5]:
        walk.get(f"/app/hook/deliveries/{one['id']}", who="app")
    walk.get("/app/hook/deliveries/1", status=404, who="app")
    walk.post(f"/app/hook/deliveries/{log[0]['id']}/attempts", status=202, who="app")
    walk.control("webhooks/wait", timeout=30)
