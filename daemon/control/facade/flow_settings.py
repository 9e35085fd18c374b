"""Flows and prompts: what is active, what the drafts say, uploads."""

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from daemon.control.flows.active import ActiveFlow, ActiveFlows
from daemon.control.flows.prompts import BYTES_PER_SECOND, SUFFIXES, PromptMaker
from daemon.service.errors import ServiceError
from daemon.service.messages import FlowInfo, PromptInfo
from daemon.site_directory import SiteDirectory
from daemon.store.flows import FlowVersion
from daemon.store.rows import milliseconds
from ivr.errors import FlowError
from ivr.flow import load_flow
from speech.errors import SpeechError

log = structlog.get_logger()


class FlowSettings:
    """Active flows of the site, and its recorded prompts."""

    def __init__(
        self, site: SiteDirectory, speech: PromptMaker, clock: Callable[[], float]
    ) -> None:
        self.active = ActiveFlows(())
        self._site = site
        self._speech = speech
        self._clock = clock

    def get(self, name: str, version: int = 0) -> ActiveFlow | None:
        """The active version of a flow, or the one that a call began with."""
        return self.active.get(name, version)

    async def keep_versions(self, used: Iterable[tuple[str, int]]) -> None:
        """Load the versions that calls of before began with."""
        for name, version in set(used):
            row = await FlowVersion.get_or_none(name=name, version=version)
            if row is not None and not row.active:
                self.active.keep(ActiveFlow(load_flow(row.text, row.name), row.version, row.text))

    def queue_only(self, slug: str) -> ActiveFlow:
        """A flow that does nothing but enter a queue."""
        return self.active.queue_only(slug)

    def called_back(self, slug: str) -> ActiveFlow:
        """A flow that enters a queue once a person says that he is there."""
        return self.active.called_back(slug)

    def active_names(self) -> list[str]:
        """Names of all active flows."""
        return self.active.names()

    async def activate_drafts(self) -> None:
        """Make every draft without faults the active version of its flow.

        A draft with faults leaves the version before it active, and is logged with all its
        faults; nothing that callers meet ever comes from a file that was not checked.
        """
        for path in sorted(self._site.flows.glob("*.yaml")):
            text = path.read_text(encoding="utf-8", errors="replace")
            try:
                load_flow(text, path.stem)
            except FlowError as error:
                for fault in error.faults:
                    log.error("flow has a fault", flow=path.stem, fault=str(fault))
                continue
            await self._store(path.stem, text)
        self.active = ActiveFlows(await _load_active())

    async def _store(self, name: str, text: str) -> None:
        digest = _digest(text)
        newest = await FlowVersion.filter(name=name).order_by("-version").first()
        if newest is not None and newest.sha256 == digest and newest.active:
            return
        await FlowVersion.filter(name=name, active=True).update(active=False)
        await FlowVersion.create(
            name=name,
            version=newest.version + 1 if newest is not None else 1,
            text=text,
            sha256=digest,
            active=True,
            author="system",
            created_ms=milliseconds(self._clock()),
        )

    async def list_flows(self) -> list[FlowInfo]:
        """Flows that numbers and queues can name."""
        rows = await FlowVersion.filter(active=True).order_by("name")
        return [
            FlowInfo(name=row.name, version=row.version, differs=self._differs(row)) for row in rows
        ]

    def _differs(self, row: FlowVersion) -> bool:
        try:
            draft = (self._site.flows / f"{row.name}.yaml").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return True
        return _digest(draft) != row.sha256

    async def list_prompts(self) -> list[PromptInfo]:
        """Recorded prompts, by name."""
        found = {
            path.stem: path for path in self._site.prompts.glob("*") if path.suffix in SUFFIXES
        }
        return [
            PromptInfo(name=name, duration_s=await self._seconds(path, name))
            for name, path in sorted(found.items())
        ]

    async def convert_prompt(self, incoming: str, name: str) -> PromptInfo:
        """Make a prompt of an uploaded file in ``incoming/``."""
        source = (self._site.incoming / Path(incoming).name).resolve()
        if source.suffix.lower() not in SUFFIXES or not source.is_file():
            raise ServiceError(
                "invalid",
                "Upload an mp3, wav, ogg or flac file.",
                "请上传 mp3、wav、ogg 或 flac 文件。",
                fields={"file": "kind"},
            )
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ServiceError(
                "invalid",
                "Use letters, digits, - and _.",
                "请使用字母、数字、- 和 _。",
                fields={"name": "invalid"},
            )
        try:
            await self._speech.convert(self._site.relative(source), name)
        except SpeechError as error:
            raise ServiceError("invalid", str(error), fields={"file": "unusable"}) from error
        for suffix in SUFFIXES:
            (self._site.prompts / f"{name}{suffix}").unlink(missing_ok=True)
        target = self._site.prompts / f"{name}{source.suffix.lower()}"
        await asyncio.to_thread(shutil.move, source, target)
        seconds = await self._seconds(target, name)
        return PromptInfo(name=name, duration_s=seconds, path=self._site.relative(target))

    async def _seconds(self, path: Path, name: str) -> float:
        try:
            ready = await self._speech.convert(self._site.relative(path), name)
        except SpeechError as error:
            log.warning("prompt cannot be converted", prompt=name, why=str(error))
            return 0.0
        return (self._site.path / ready).stat().st_size / BYTES_PER_SECOND


async def _load_active() -> list[ActiveFlow]:
    found = []
    for row in await FlowVersion.filter(active=True).order_by("name"):
        try:
            found.append(ActiveFlow(load_flow(row.text, row.name), row.version, row.text))
        except FlowError as error:
            # It was sound when it was activated: a newer Hookflash has become stricter.
            log.error("active flow cannot be loaded", flow=row.name, why=str(error))
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
