"""Somebody at the console of a whole hotline: log-in with the one-time password, uploads."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from running_site import RunningSite

from tests.fakes.http_client import HttpClient, Reply

NEW_PASSWORD = "a better password"


async def visitor(site: RunningSite, login: str, password: str) -> HttpClient:
    """Log in with the one-time password and replace it, as everybody has to."""
    client = HttpClient(urlsplit(site.endpoint("web")["url"]).port or 0)
    assert (await client.log_in(login, password)).status == 302
    weak = await client.post(
        "/account/password", {"old": password, "new": "short", "again": "short"}
    )
    assert "At least 10 characters." in weak.text
    form = {"old": password, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    changed = await client.post("/account/password", form)
    assert changed.status == 302, changed.text
    await client.get("/account")
    return client


async def with_token(client: HttpClient) -> HttpClient:
    """A program of that person, which has nothing but a token."""
    made = await client.post("/account/tokens", {"slug": "program", "days": "30"})
    found = re.search(r'<code class="secret">([^<]+)</code>', made.text)
    assert found, made.text
    program = HttpClient(client.port)
    program.token = found.group(1)
    return program


async def upload_prompt(client: HttpClient, name: str, file: Path) -> Reply:
    """Upload an audio file as the form of the page does."""
    head = (
        f'--cut\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{client.csrf}\r\n'
        f'--cut\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n'
        f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + file.read_bytes() + b"\r\n--cut--\r\n"
    return await client.request(
        "POST",
        "/prompts",
        body=body.decode("latin-1"),
        headers={"Content-Type": "multipart/form-data; boundary=cut"},
    )
