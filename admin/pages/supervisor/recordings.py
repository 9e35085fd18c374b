"""Recordings as audio: authorised, with byte ranges so that a player can seek."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from sanic import Blueprint, HTTPResponse
from sanic.response import html as html_response
from sanic.response import json, redirect

from admin.auth import needs
from admin.context import ConsoleRequest
from admin.errors import PageMissing
from admin.pages.supervisor.calls import READERS, allow
from admin.rendering import fragment
from admin.waveform import WaveformError, read_waveform
from daemon.recordings import flac
from daemon.recordings.audio_file import NotARecording
from daemon.recordings.parts import Part, join
from daemon.recordings.proof import WRONG, Proof, State, prove
from daemon.service.errors import ServiceError

blueprint = Blueprint("recordings")

CHUNK: Final = 64 << 10
RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
FOLDERS: Final = ("recordings", "voicemail")


@blueprint.get("/recordings/<recording:str>/audio.wav")
@needs(*READERS)
async def audio(request: ConsoleRequest, recording: str) -> HTTPResponse | None:
    """The audio behind a player."""
    return await send_audio(request, recording)


@blueprint.get("/recordings/<recording:str>/whole.wav")
@needs(*READERS)
async def whole(request: ConsoleRequest, recording: str) -> HTTPResponse | None:
    """All parts of a conversation as one file."""
    return await send_whole(request, recording)


@blueprint.get("/recordings/<recording:str>/waveform")
@needs(*READERS)
async def waveform(request: ConsoleRequest, recording: str) -> HTTPResponse:
    """Peaks for the player's picture."""
    found, call = await request.console.records.recording(recording)
    allow(request, call)
    path = await asyncio.to_thread(recording_path, request.console.options.site, found.path)
    if found.deleted or path is None:
        raise PageMissing
    try:
        return json(msgspec.to_builtins(await asyncio.to_thread(read_waveform, path)))
    except WaveformError:
        raise PageMissing from None


@blueprint.post("/recordings/<recording:str>/hold")
@needs("administrator")
async def hold(request: ConsoleRequest, recording: str) -> HTTPResponse:
    """Keep a recording however old it gets, or no longer."""
    _, call = await request.console.records.recording(recording)
    on = request.field("on") == "yes"
    await request.console.service.hold_recording(request.actor, recording, on=on)
    return redirect(f"/calls/{call.call}")


@blueprint.get("/recordings/<recording:str>/proof")
@needs("administrator")
async def proof(request: ConsoleRequest, recording: str) -> HTTPResponse:
    """Whether the file is what was recorded, computed from its audio now."""
    found, _ = await request.console.records.recording(recording)
    path = await asyncio.to_thread(recording_path, request.console.options.site, found.path)
    told = Proof(State.DELETED if found.deleted else State.MISSING)
    if path is not None and found.deleted:
        told = Proof(State.THERE)
    elif path is not None:
        length_ms = round(found.duration_s * 1000)
        told = await asyncio.to_thread(prove, path, found.chain, length_ms)
    text = f"proof.{told.state}"
    if told.second >= 0 and told.state in (State.CHANGED, State.CUT):
        text += "_at"
    answer = fragment(
        "parts/proof.html",
        language=request.ctx.language,
        zone=request.console.options.zone,
        now=request.console.hub.now(),
        values={"text": text, "second": told.second, "wrong": told.state in WRONG},
    )
    return html_response(answer)


async def send_audio(request: ConsoleRequest, recording: str) -> HTTPResponse | None:
    """The audio or a part of it (RFC 9110 section 14); listening is audited."""
    found, call = await request.console.records.recording(recording)
    allow(request, call)
    path = await asyncio.to_thread(recording_path, request.console.options.site, found.path)
    if found.deleted or path is None:
        raise PageMissing
    size = (await asyncio.to_thread(path.stat)).st_size
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    wanted = request.headers.get("range")
    start, end = byte_range(wanted, size)
    if start > end:
        return HTTPResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    if start == 0:
        await _note(request, recording)
    status = 200
    if wanted and RANGE.fullmatch(wanted):
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    if "download" in request.args:
        headers["Content-Disposition"] = f'attachment; filename="{recording}{path.suffix}"'
    headers["Content-Length"] = str(end - start + 1)

    kind = "audio/flac" if path.suffix == flac.SUFFIX else "audio/wav"
    response = await request.respond(status=status, headers=headers, content_type=kind)
    at = start
    while data := await asyncio.to_thread(_read, path, at, min(CHUNK, end - at + 1)):
        await response.send(data)
        at += len(data)
    await response.eof()
    return None


async def send_whole(request: ConsoleRequest, recording: str) -> HTTPResponse | None:
    """The parts of a conversation one after the other; listening is audited for each."""
    found, call = await request.console.records.recording(recording)
    allow(request, call)
    recordings = (await request.console.records.call(call.call)).recordings
    lines = [line for line in recordings if line.whole == found.whole and not line.deleted]
    site, parts = request.console.options.site, []
    for line in lines:
        path = await asyncio.to_thread(recording_path, site, line.path)
        if path is None:
            raise PageMissing
        parts.append(Part(path, line.started))
    try:
        joined = await asyncio.to_thread(join, parts)
    except (OSError, NotARecording):
        raise PageMissing from None
    for line in lines:
        await _note(request, line.recording)
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{found.whole}.wav"',
        "Content-Length": str(joined.size),
    }
    response = await request.respond(headers=headers, content_type="audio/wav")
    blocks = joined.blocks()
    while data := await asyncio.to_thread(_next, blocks):
        await response.send(data)
    await response.eof()
    return None


def _next(blocks: Iterator[bytes]) -> bytes:
    """The next block that is not empty; nothing at the end."""
    return next(filter(None, blocks), b"")


def recording_path(site: Path, relative: str) -> Path | None:
    """The file below the site's recordings; None when it is gone or leads elsewhere."""
    path = flac.where((site / relative).resolve())
    inside = any(path.is_relative_to((site / folder).resolve()) for folder in FOLDERS)
    return path if inside and path.is_file() else None


def byte_range(header: str | None, size: int) -> tuple[int, int]:
    """First and last byte to send; first > last when the range cannot be satisfied."""
    match = RANGE.fullmatch(header or "")
    if match is None or match.group(0) == "bytes=-":
        return 0, size - 1
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _read(path: Path, at: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(length)


async def _note(request: ConsoleRequest, recording: str) -> None:
    try:
        await request.console.service.recording_played(request.actor, recording)
    except ServiceError as error:
        # who may listen was decided above; without control there is nobody to audit it
        if error.code == "unavailable":
            raise
