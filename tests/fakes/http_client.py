"""A small HTTP client for tests: cookies, forms with the CSRF token, JSON; in a thread."""

import asyncio
import http.client
import json
import re
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode


class Reply:
    """Status, headers and body of one answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class HttpClient:
    """Keeps cookies and the CSRF token of the last page."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.token = ""
        """Sent instead of cookies, as a program does."""

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.request("GET", path, headers=headers)

    async def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> Reply:
        body = urlencode({"csrf": self.csrf, **(form or {})}, doseq=True)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.request("POST", path, body=body, headers=kind | headers)

    async def send_json(self, method: str, path: str, value: Any, **headers: str) -> Reply:
        kind = {"Content-Type": "application/json", "X-CSRF-Token": self.csrf}
        return await self.request(method, path, body=json.dumps(value), headers=kind | headers)

    async def log_in(self, login: str, password: str) -> Reply:
        await self.get("/login")
        reply = await self.post("/login", {"login": login, "password": password})
        if reply.status == 302:
            await self.get("/account")
        return reply

    async def request(
        self, method: str, path: str, *, body: str | None = None, headers: dict[str, str]
    ) -> Reply:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            names["Authorization"] = f"Bearer {self.token}"
        if self.cookies:
            names["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        reply = await asyncio.to_thread(self._exchange, method, path, body, names)
        if found := re.search(r'<meta name="csrf" content="(\w+)"', reply.body.decode("latin-1")):
            self.csrf = found.group(1)
        return reply

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                for key, morsel in SimpleCookie(value).items():
                    if morsel["max-age"] == "0" or not morsel.value:
                        self.cookies.pop(key, None)
                    else:
                        self.cookies[key] = morsel.value
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, data)
