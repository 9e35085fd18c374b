"""Text -> finished prompt file, made once: cache, one synthesis a key, fallback engine.

``cache/prompts/<2 hex>/<hash>.8k.s16`` below the site, raw 16-bit little-endian mono at 8 kHz,
with a small JSON beside it. Uploads lie in ``cache/uploads`` and are never removed here.
"""

import asyncio
import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from speech.api import BYTES_PER_SAMPLE, SAMPLE_RATE, Synthesizer
from speech.audio_files import from_speech, from_upload
from speech.errors import CacheError, EngineFailed, EngineMissing, TextRefused
from speech.options import SpeechOptions

log = structlog.get_logger(__name__)

PROMPTS = Path("cache/prompts")
UPLOADS = Path("cache/uploads")
SUFFIX = ".8k.s16"
FORMAT = "s16le 8000 mono -20dBFS v1"  # part of the key: change it when the sound changes
LONGEST_PIECE = 2000  # characters; pyttsx3 crashes its process at about 18 000
LONGEST_TEXT = 24_000  # characters, about half an hour of speech
SPARED_S = 3600.0  # s a prompt stays after its last use even when the cache is too big
_SENTENCE = re.compile(r".+?(?:[.!?;:\u2026](?=\s)|[\u3002\uff01\uff1f\uff1b]|\n|$)\s*", re.S)


class PromptCache:
    """The files of one site; the speech process is the only one that writes them."""

    def __init__(
        self, site: Path, options: SpeechOptions, synthesizers: Sequence[Synthesizer]
    ) -> None:
        self.hits = 0
        self.made = 0
        self._site = site
        self._options = options
        self._synthesizers = synthesizers
        self._making: dict[str, asyncio.Task[str]] = {}

    async def prompt(self, text: str, voice: str) -> str:
        """Path, relative to the site, of ``text`` spoken by ``voice``; made if it is not there."""
        text = normal_text(text)
        reason: EngineFailed | EngineMissing | None = None
        for synthesizer in self._synthesizers:
            if reason is not None:
                log.warning(
                    "speaking with the other engine", engine=synthesizer.engine, reason=str(reason)
                )
            try:
                return await self._prompt(synthesizer, text, voice)
            except (EngineFailed, EngineMissing) as error:
                reason = error
        raise reason or EngineMissing("no synthesiser is set up")

    async def convert(self, upload: str, name: str) -> str:
        """Path, relative to the site, of an uploaded file in the playing format."""
        source = (self._site / upload).resolve()
        if not source.is_relative_to(self._site.resolve()):
            raise CacheError(f"{upload} lies outside the site")
        return await asyncio.to_thread(self._convert, source, name)

    async def trim(self, now: float) -> int:
        """Remove prompts that are too old or too many; returns how many. ``now``: Unix time."""
        return await asyncio.to_thread(self._trim, now)

    async def close(self) -> None:
        """Give up what is being made."""
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def _prompt(self, synthesizer: Synthesizer, text: str, voice: str) -> str:
        rate = self._options.rate
        key = cache_key(synthesizer, voice, rate, text)
        path = PROMPTS / key[:2] / f"{key}{SUFFIX}"
        if self._use(path):
            self.hits += 1
            return path.as_posix()
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._make(synthesizer, text, voice, path))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        # Whoever asked first may hang up; the others still wait for the same file.
        return await asyncio.shield(task)

    async def _make(self, synthesizer: Synthesizer, text: str, voice: str, path: Path) -> str:
        pieces = [
            await synthesizer.synthesize(piece, voice, self._options.rate)
            for piece in split_text(text)
        ]
        about = {
            "text": text,
            "voice": voice,
            "rate": self._options.rate,
            "engine": f"{synthesizer.engine} {synthesizer.version}",
        }

        def convert() -> None:
            audio = b"".join(from_speech(piece) for piece in pieces)
            self._store(path, audio, about)

        await asyncio.to_thread(convert)
        self.made += 1
        return path.as_posix()

    def _use(self, path: Path) -> bool:
        """Whether the file is there; marks it as used."""
        try:
            os.utime(self._site / path)
        except FileNotFoundError:
            return False
        except OSError:
            # A cache that cannot be written still serves what it has.
            return (self._site / path).is_file()
        return True

    def _convert(self, source: Path, name: str) -> str:
        audio = from_upload(source, most_mb=self._options.upload_mb)
        digest = hashlib.sha256(FORMAT.encode() + audio).hexdigest()[:12]
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "upload"
        path = UPLOADS / f"{slug}-{digest}{SUFFIX}"
        self._store(path, audio, {"name": name, "source": source.name})
        return path.as_posix()

    def _store(self, path: Path, audio: bytes, about: Mapping[str, object]) -> None:
        """Write audio and description so that a crash leaves either nothing or all of it."""
        target = self._site / path
        seconds = round(len(audio) / (BYTES_PER_SAMPLE * SAMPLE_RATE), 2)
        description = msgspec.json.encode({**about, "seconds": seconds, "format": FORMAT})
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(Path(str(target).removesuffix(SUFFIX) + ".json"), description)
            _write(target, audio)
        except OSError as error:
            raise CacheError(
                f"cannot write {target.parent}: {error.strerror}; "
                "free space there or give the service's user the right to write"
            ) from error

    def _trim(self, now: float) -> int:
        files = sorted(
            ((file.stat().st_mtime, file) for file in (self._site / PROMPTS).glob(f"*/*{SUFFIX}")),
            reverse=True,
        )
        kept = 0
        removed = 0
        for used, file in files:
            kept += file.stat().st_size
            old = now - used > self._options.cache_days * 86_400
            full = kept > self._options.cache_mb * 2**20 and now - used > SPARED_S
            if old or full:
                file.unlink(missing_ok=True)
                Path(str(file).removesuffix(SUFFIX) + ".json").unlink(missing_ok=True)
                removed += 1
        return removed


def cache_key(synthesizer: Synthesizer, voice: str, rate: int, text: str) -> str:
    """The name of a prompt: everything that changes its sound."""
    parts = (synthesizer.engine, synthesizer.version, voice, str(rate), FORMAT, text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def normal_text(text: str) -> str:
    """NFC, one blank between words, no control characters; raises TextRefused."""
    normal = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(character) == "Cs" for character in normal):
        raise TextRefused("the text holds half a character (a lone surrogate)")
    printable = "".join(
        " " if unicodedata.category(character) == "Cc" else character for character in normal
    )
    normal = " ".join(printable.split())
    if not any(character.isalnum() for character in normal):
        raise TextRefused("the text holds nothing that can be spoken")
    if len(normal) > LONGEST_TEXT:
        raise TextRefused(f"the text has {len(normal)} characters, the limit is {LONGEST_TEXT}")
    return normal


def split_text(text: str, longest: int = LONGEST_PIECE) -> list[str]:
    """Cut text at sentence ends into pieces of at most ``longest`` characters."""
    pieces: list[str] = []
    for sentence in _SENTENCE.findall(text):
        for part in _cut(sentence, longest):
            if pieces and len(pieces[-1]) + len(part) <= longest:
                pieces[-1] += part
            else:
                pieces.append(part)
    return [piece.strip() for piece in pieces if any(c.isalnum() for c in piece)]


def _cut(sentence: str, longest: int) -> list[str]:
    """A sentence that is too long by itself, cut at blanks, or anywhere when it has none."""
    parts = []
    while len(sentence) > longest:
        at = sentence.rfind(" ", 1, longest) + 1 or longest
        parts.append(sentence[:at])
        sentence = sentence[at:]
    return [*parts, sentence]


def _write(path: Path, data: bytes) -> None:
    # Many calls may ask for the same prompt at once, each in a thread of its own.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
