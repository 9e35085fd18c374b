"""The page of faxes: the list, the form, cancelling, reading, and who may what."""

from collections.abc import Awaitable, Callable

import msgspec

from daemon.service.fax.faxes import Fax, FaxState
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient, Reply

SignIn = Callable[[str], Awaitable[HttpClient]]


async def post_file(
    client: HttpClient,
    number: str,
    name: str,
    content: str = "%PDF-1.4",
    *,
    csrf: str | None = None,
) -> Reply:
    """Send the form as a browser does."""
    token = client.csrf if csrf is None else csrf
    body = (
        "--cut\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + token + "\r\n"
        "--cut\r\nContent-Disposition: form-data; name=\"number\"\r\n\r\n" + number + "\r\n"
        f"--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n"
        "Content-Type: application/pdf\r\n\r\n" + content + "\r\n--cut--\r\n"
    )  # fmt: skip
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    return await client.request("POST", "/faxes", body=body, headers=headers)


async def test_fax_is_sent_seen_and_cancelled(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("anna")
    assert "No faxes yet" in (await client.get("/faxes")).text
    assert (await post_file(client, "0305551", "../my letter.PDF")).status == 302
    [path] = console.hotline.fax_files
    assert (console.site / path).read_bytes() == b"%PDF-1.4"
    text = (await client.get("/faxes")).text
    assert "0305551" in text
    assert "my letter.PDF" in text
    assert "waiting" in text
    [fax] = console.hotline.faxes
    assert (await client.post(f"/faxes/{fax}/cancel")).status == 302
    assert "cancelled" in (await client.get("/faxes")).text


async def test_progress_and_faults_are_told_in_both_languages(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    await post_file(client, "0305551", "a.tif", "II*\0pages")
    [made] = console.hotline.faxes.values()
    going = msgspec.structs.replace(
        made, state=FaxState.SENDING, pages=2, of=5, rate=9600, t38=True, ecm=True, slips=3
    )
    console.hotline.faxes[made.fax] = going
    text = (await client.get("/faxes")).text
    assert "page 3 of 5" in text
    assert "9600 bit/s · error correction · T.38 · 3 slips of the audio" in text
    why = msgspec.structs.replace(
        going, state=FaxState.FAILED, why_en="nobody answered", why_zh="无人接听"
    )
    console.hotline.faxes[made.fax] = why
    assert "nobody answered" in (await client.get("/faxes")).text
    await client.post("/language", {"language": "zh"})
    assert "无人接听" in (await client.get("/faxes")).text
    console.hotline.faxes[made.fax] = going
    text = (await client.get("/faxes")).text
    assert "正在发送" in text
    assert "第 3/5 页" in text
    assert "9600 bit/s · 纠错 · T.38 · 音频滑动 3 次" in text


async def test_what_cannot_be_sent_is_told_at_the_form(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    refused = await post_file(client, "1234", "a.pdf")
    assert refused.status == 422
    assert "may not be called" in refused.text
    assert list((console.site / "incoming").glob("fax-*")) == []
    assert 'aria-describedby="f-number-fault"' in refused.text
    for name, content in (
        ("a.docx", "%PDF-1.4"),
        ("a.pdf", "MZ program"),
        ("a.pdf", "II*\0pages"),
        ("a.tif", "%PDF-1.4"),
        ("a.pdf", ""),
    ):
        wrong = await post_file(client, "0305551", name, content)
        assert (wrong.status, "Choose a PDF or TIFF" in wrong.text) == (422, True)
    assert (await post_file(client, "", "a.pdf")).status == 422
    assert list((console.site / "incoming").glob("fax-*")) == []
    assert console.hotline.faxes == {}


async def test_list_has_pages(console: ConsoleRig, sign_in: SignIn) -> None:
    client = await sign_in("sam")
    await post_file(client, "0305551", "a.pdf")
    [made] = console.hotline.faxes.values()
    for number in range(1, 120):
        one = msgspec.structs.replace(made, fax=f"0FAX{number:09}", number=f"0400{number:03}")
        console.hotline.faxes[one.fax] = one
    first, last = await client.get("/faxes"), await client.get("/faxes?page=3")
    assert ("0400119" in first.text, "0400069" in first.text) == (True, False)
    assert "page=2" in first.text
    assert "Page 3 of 3" in last.text
    assert ("0400019" in last.text, "0400020" in last.text) == (True, False)
    assert 'hx-get="/faxes?page=3"' in last.text
    assert "Page 3 of 3" in (await client.get("/faxes?page=9")).text
    for none in ("99999", "-1", "x", "0"):
        assert "Page 1 of 3" in (await client.get(f"/faxes?page={none}")).text


async def test_form_without_its_token_or_boundary_is_refused(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    assert (await post_file(client, "0305551", "a.pdf", csrf="")).status == 400
    assert (await post_file(client, "0305551", "a.pdf", csrf="0" * 64)).status == 400
    headers = {"Content-Type": "multipart/form-data", "X-CSRF-Token": client.csrf}
    broken = await client.request("POST", "/faxes", body="no boundary", headers=headers)
    assert broken.status == 422
    assert console.hotline.faxes == {}
    assert (await post_file(console.client(), "0305551", "a.pdf")).status in (302, 400)
    assert console.hotline.faxes == {}


async def test_the_list_is_asked_for_more_often_while_a_fax_moves(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    assert "every 15s" in (await client.get("/faxes")).text
    await post_file(client, "0305551", "a.pdf")
    assert "every 3s" in (await client.get("/faxes")).text
    [made] = console.hotline.faxes.values()
    console.hotline.faxes[made.fax] = msgspec.structs.replace(made, state=FaxState.SENT)
    assert "every 15s" in (await client.get("/faxes")).text


async def test_programs_send_follow_read_and_cancel(console: ConsoleRig, sign_in: SignIn) -> None:
    anna = await program(sign_in, "anna")
    send = "/api/v1/faxes?number=0305551&name=letter.pdf"
    made = (await upload(anna, send, "%PDF-1.4")).json()
    assert (made["number"], made["name"], made["by"]) == ("0305551", "letter.pdf", "anna")
    one = f"/api/v1/faxes/{made['fax']}"
    assert (await anna.get(one)).json()["state"] == "waiting"
    assert [f["fax"] for f in (await anna.get("/api/v1/faxes")).json()["faxes"]] == [made["fax"]]
    path = console.site / "faxes" / "outgoing" / f"{made['fax']}.pdf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"%PDF pages")
    pdf = await anna.get(f"{one}/document.pdf")
    assert (pdf.body, pdf.headers["x-content-type-options"]) == (b"%PDF pages", "nosniff")
    assert (await upload(anna, f"{one}/cancel", "")).json()["state"] == "cancelled"

    wrong = await upload(anna, send, "MZ program")
    assert (wrong.status, wrong.json()["error"]["fields"]) == (422, {"file": "fax"})
    refused = await upload(anna, "/api/v1/faxes?number=1234&name=a.pdf", "%PDF-1.4")
    assert (refused.status, refused.json()["error"]["fields"]) == (409, {"to": "not-allowed"})


async def test_programs_see_no_more_than_their_owner(sign_in: SignIn) -> None:
    sam, anna = await program(sign_in, "sam"), await program(sign_in, "anna")
    send = "/api/v1/faxes?number=0305551&name=letter.pdf"
    numbers = [(await upload(sam, send, "%PDF-1.4")).json()["fax"] for _ in range(3)]
    assert (await anna.get("/api/v1/faxes")).json() == {"faxes": [], "total": 0, "offset": 0}
    for path in ("", "/document.pdf"):
        assert (await anna.get(f"/api/v1/faxes/{numbers[0]}{path}")).status == 404
    assert (await upload(anna, f"/api/v1/faxes/{numbers[0]}/cancel", "")).status == 404
    listed = (await sam.get("/api/v1/faxes?limit=2")).json()["faxes"]
    assert [fax["fax"] for fax in listed] == numbers[:0:-1]
    rest = (await sam.get("/api/v1/faxes?limit=2&offset=2")).json()
    assert ([fax["fax"] for fax in rest["faxes"]], rest["total"]) == (numbers[:1], 3)
    assert (await (await program(sign_in, "tech")).get("/api/v1/faxes")).status == 403


async def program(sign_in: SignIn, login: str) -> HttpClient:
    """A program with a token of a person."""
    client = await sign_in(login)
    text = (await client.post("/account/tokens", {"slug": "fax", "days": "30"})).text
    client.token = text.partition('<code class="secret">')[2].partition("<")[0]
    client.cookies = {}
    return client


async def upload(client: HttpClient, path: str, content: str) -> Reply:
    """Post a file as it is."""
    headers = {"Content-Type": "application/pdf"}
    return await client.request("POST", path, body=content, headers=headers)


async def test_received_and_sent_pages_have_their_links(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("sam")
    await post_file(client, "0305551", "a.pdf")
    [made] = console.hotline.faxes.values()
    console.hotline.faxes[made.fax] = msgspec.structs.replace(made, readable=True, of=1)
    console.hotline.faxes["0FAX00000IN00"] = Fax(
        fax="0FAX00000IN00",
        direction="in",
        state=FaxState.RECEIVED,
        number="0309",
        created=made.created,
        readable=True,
    )
    text = (await client.get("/faxes")).text
    assert "/recordings/0FAX00000IN00/fax.pdf" in text
    assert f"/faxes/{made.fax}/document.pdf" in text
    assert (await client.get(f"/faxes/{made.fax}/document.pdf")).status == 404
    path = console.site / "faxes" / "outgoing" / f"{made.fax}.pdf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"%PDF pages")
    pdf = await client.get(f"/faxes/{made.fax}/document.pdf")
    assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.body == b"%PDF pages"


async def test_who_may_not_see_faxes_does_not(console: ConsoleRig, sign_in: SignIn) -> None:
    boss = await sign_in("sam")
    await post_file(boss, "0305551", "a.pdf")
    [fax] = console.hotline.faxes
    anna = await sign_in("anna")
    assert "0305551" not in (await anna.get("/faxes")).text
    assert (await anna.get(f"/faxes/{fax}/document.pdf")).status == 404
    assert (await anna.post(f"/faxes/{fax}/cancel")).status == 404
    assert (await (await sign_in("tech")).get("/faxes")).status == 403
