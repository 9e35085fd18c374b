"""The page of faxes: the list, the form, cancelling, reading, and who may what."""

from collections.abc import Awaitable, Callable

import msgspec

from daemon.service.faxes import Fax, FaxState
from tests.fakes.console_rig import ConsoleRig
from tests.fakes.http_client import HttpClient, Reply

SignIn = Callable[[str], Awaitable[HttpClient]]


async def post_file(client: HttpClient, number: str, name: str, content: str = "%PDF-1.4") -> Reply:
    """Send the form as a browser does."""
    body = (
        "--cut\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + client.csrf + "\r\n"
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
    await post_file(client, "0305551", "a.tif")
    [made] = console.hotline.faxes.values()
    going = msgspec.structs.replace(
        made, state=FaxState.SENDING, pages=2, of=5, rate=9600, t38=True
    )
    console.hotline.faxes[made.fax] = going
    text = (await client.get("/faxes")).text
    assert "page 2 of 5" in text
    assert "9600 bit/s T.38" in text
    why = msgspec.structs.replace(
        going, state=FaxState.FAILED, why_en="nobody answered", why_zh="无人接听"
    )
    console.hotline.faxes[made.fax] = why
    assert "nobody answered" in (await client.get("/faxes")).text
    await client.post("/language", {"language": "zh"})
    assert "无人接听" in (await client.get("/faxes")).text


async def test_what_cannot_be_sent_is_told_at_the_form(
    console: ConsoleRig, sign_in: SignIn
) -> None:
    client = await sign_in("anna")
    refused = await post_file(client, "1234", "a.pdf")
    assert refused.status == 422
    assert "may not be called" in refused.text
    assert list((console.site / "incoming").glob("fax-*")) == []
    assert "Choose a PDF or TIFF" in (await post_file(client, "0305551", "a.docx")).text
    assert (await post_file(client, "", "a.pdf")).status == 422
    assert console.hotline.faxes == {}


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
