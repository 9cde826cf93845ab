"""One webhook request: signed as the App's hook wants it, and posted as GitHub posts it."""

import hashlib
import hmac
import http.client
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from githubsim.store import App

TIMEOUT = 10.0
_KEPT_RESPONSE = 16_384


def sign(body: bytes, app: App) -> tuple[bytes, dict[str, str]]:
    """The body as the hook's content type wants it, and its signature headers."""
    headers = {"Content-Type": "application/json"}
    if app.hook_content_type == "form":
        body = urlencode({"payload": body}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if app.hook_secret:
        key = app.hook_secret.encode()
        headers["X-Hub-Signature"] = f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}"
        digest = hmac.new(key, body, hashlib.sha256).hexdigest()
        headers["X-Hub-Signature-256"] = f"sha256={digest}"
    return body, headers


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    status: str
    headers: dict[str, str]
    body: str


class Connection:
    """One kept-alive connection to the receiver, opened anew when the other side has closed it."""

    def __init__(self) -> None:
        self._open: http.client.HTTPConnection | None = None
        self._origin: tuple[str, str, bool] | None = None

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def post(self, url: str, body: bytes, headers: dict[str, str], insecure: bool) -> Answer:
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        origin = (parts.scheme, parts.netloc, insecure)
        kept = self._open is not None and self._origin == origin
        try:
            return self._once(origin, target, body, headers)
        except TimeoutError:
            self.close()
            return Answer(504, "timed out", {}, "")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # A kept connection that the other side closed in the meantime has sent nothing.
            stale = isinstance(
                error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
            )
            if not (kept and stale):
                return Answer(0, "failed to connect to host", {}, "")
        try:
            return self._once(origin, target, body, headers)
        except TimeoutError:
            self.close()
            return Answer(504, "timed out", {}, "")
        except (OSError, http.client.HTTPException):
            self.close()
            return Answer(0, "failed to connect to host", {}, "")

    def _once(
        self, origin: tuple[str, str, bool], target: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        if self._open is None or self._origin != origin:
            self.close()
            scheme, host, insecure = origin
            if scheme == "https":
                context = ssl.create_default_context()
                if insecure:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                self._open = http.client.HTTPSConnection(host, timeout=TIMEOUT, context=context)
            else:
                self._open = http.client.HTTPConnection(host, timeout=TIMEOUT)
            self._origin = origin
            self._open.connect()
            # Header and body are two writes: without this each waits for the other's ack.
            self._open.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self._open
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        text = response.read(_KEPT_RESPONSE)
        if response.read(1) or response.will_close:
            self.close()
        ok = 200 <= response.status < 300
        status = "OK" if ok else f"Invalid HTTP Response: {response.status}"
        return Answer(
            response.status, status, dict(response.getheaders()), text.decode(errors="replace")
        )
