"""``hookflash models``: recognition models on this machine: list, check, fetch."""

import argparse
import hashlib
import http.client
import shutil
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Final

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command
from daemon.errors import CommandError
from daemon.language import pick
from speech.errors import ModelMissing
from speech.models import SUGGESTED, ModelInfo, describe, find_model, folders, list_models

SOURCE: Final = "https://alphacephei.com/vosk/models"
LIST_NAME: Final = "model-list.json"
REACH_TIME: Final = 10.0  # s without any byte
BLOCK: Final = 1 << 20
UNPACKED: Final = 3.0  # an unpacked model is at most about this much bigger
LIST_LANGUAGES: Final = {"zh": "cn", "en": "en-us"}  # as the public list names them


class Offer(msgspec.Struct, frozen=True):
    """One model of the public list."""

    name: str
    lang: str
    type: str = ""
    obsolete: str = "false"
    size: int = 0
    """Bytes of the archive; 0 when the list does not say."""
    md5: str = ""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("list", "check", "fetch"),
        help=pick(
            "list: what is here; check: can these languages be recognised; fetch: install one",
            "list：列出已有模型；check：检查这些语言能否识别；fetch：安装一个模型",
        ),
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=pick(
            "languages such as en, zh, ko; fetch also takes a model's full name",
            "语言，如 en、zh、ko；fetch 也可用模型全名",
        ),
    )
    parser.add_argument(
        "--to",
        metavar="DIR",
        help=pick("fetch: where to install", "fetch：安装位置"),
    )
    parser.add_argument(
        "--source",
        metavar="URL",
        default=SOURCE,
        help=pick(f"fetch: a mirror of {SOURCE}", f"fetch：{SOURCE} 的镜像"),
    )
    add_json(parser)


@command(
    "models",
    "List, check and fetch recognition models",
    "列出、检查和下载语音识别模型",
    site="none",
    arguments=_arguments,
)
def models(arguments: argparse.Namespace) -> int:
    """Exit 1 when ``check`` finds a language that cannot be recognised or ``fetch`` fails."""
    if arguments.action == "list":
        return _list(as_json=arguments.json)
    if arguments.action == "check":
        return _check(arguments.names, as_json=arguments.json)
    if len(arguments.names) != 1:
        raise CommandError(
            pick("fetch takes one language or model name", "fetch 需要一个语言或模型名"),
            todo=pick("for example: hookflash models fetch zh", "例如：hookflash models fetch zh"),
            exit_code=WRONG_USAGE,
        )
    installed = fetch(arguments.names[0], arguments.source, _target(arguments.to))
    if arguments.json:
        _write_json({"model": installed})
    else:
        text = pick("installed", "已安装")
        sys.stdout.write(f"{text}: {installed.path} ({installed.size_mb} MiB)\n")
    return 0


def _list(*, as_json: bool) -> int:
    found = list_models()
    if as_json:
        _write_json({"models": found, "folders": [str(folder) for folder in folders()]})
        return 0
    built_in = pick("PocketSphinx, built in", "PocketSphinx，自带")
    sys.stdout.write(f"en   {built_in}\n")
    for model in found:
        sys.stdout.write(f"{model.language:4} {model.path} ({model.size_mb} MiB)\n")
        if model.fault:
            sys.stdout.write(f"     ! {_fault(model)}\n")
    return 0


def _check(languages: list[str], *, as_json: bool) -> int:
    results = {language: _recognised(language) for language in languages or sorted(SUGGESTED)}
    missing = [language for language, (_, fault) in results.items() if fault]
    if as_json:
        _write_json(
            {name: {"uses": uses, "fault": fault} for name, (uses, fault) in results.items()}
        )
    else:
        for language, (uses, fault) in results.items():
            sys.stdout.write(f"{language:4} {'! ' + fault if fault else uses}\n")
    return FAILURE if missing else 0


def _recognised(language: str) -> tuple[str, str]:
    """What recognises a language, and what is wrong when nothing does."""
    try:
        return str(find_model(language)), ""
    except ModelMissing as error:
        if language.split("-")[0] == "en":
            return pick("PocketSphinx, built in", "PocketSphinx，自带"), ""
        hint = f"没有 {language} 的识别模型；请运行 hookflash models fetch {language}"
        return "", pick(str(error), hint)


def _fault(model: ModelInfo) -> str:
    """Why a model cannot be used, in the terminal's language."""
    texts = {
        "absent": "目录不存在",
        "incomplete": "模型文件不完整，请重新运行 hookflash models fetch",
        "static": "静态图模型不能按词表识别，请用 small 或 lgraph 模型",
    }
    return pick(model.fault, texts.get(model.problem, model.fault))


def fetch(wanted: str, source: str, folder: Path) -> ModelInfo:
    """Download, verify and install a model; either all of it appears in ``folder`` or nothing.

    The archive goes to a temporary name, its size and MD5 are compared with the public list,
    it is unpacked beside the target, checked, and renamed. Raises CommandError.
    """
    source = source.rstrip("/")
    if not source.startswith(("http://", "https://")):
        raise CommandError(
            pick(f"{source} is not a web address", f"{source} 不是网址"), exit_code=WRONG_USAGE
        )
    offer = _choose(wanted, _public_list(source, wanted, folder))
    target = folder / offer.name
    if target.is_dir() and not describe(target, str(folder)).fault:
        return describe(target, str(folder))
    archive = folder / f".{offer.name}.zip.part"
    unpacked = folder / f".{offer.name}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(f"{source}/{offer.name}.zip", offer, archive, folder)
        return _install(archive, unpacked, target)
    except OSError as error:
        raise CommandError(
            pick(f"cannot install into {folder}: {error}", f"无法安装到 {folder}：{error}")
        ) from error
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(unpacked, ignore_errors=True)


def _public_list(source: str, wanted: str, folder: Path) -> list[Offer]:
    try:
        with urllib.request.urlopen(f"{source}/{LIST_NAME}", timeout=REACH_TIME) as answer:  # noqa: S310
            return msgspec.json.decode(answer.read(), type=list[Offer])
    except (OSError, http.client.HTTPException) as error:
        raise _offline(f"{source}/{LIST_NAME}", error, wanted, folder) from error
    except msgspec.DecodeError as error:
        raise CommandError(
            pick(
                f"{source}/{LIST_NAME} is not a list of models: {error}",
                f"{source}/{LIST_NAME} 不是模型列表：{error}",
            )
        ) from error


def _choose(wanted: str, offers: list[Offer]) -> Offer:
    by_name = {offer.name: offer for offer in offers}
    found = by_name.get(wanted) or by_name.get(SUGGESTED.get(wanted, ""))
    if found is not None:
        return found
    language = LIST_LANGUAGES.get(wanted, wanted)
    for offer in offers:
        # Big models have a static graph, which cannot listen for a menu's phrases.
        if offer.lang == language and offer.type == "small" and offer.obsolete != "true":
            return offer
    languages = ", ".join(sorted({offer.lang for offer in offers if offer.type == "small"}))
    raise CommandError(
        pick(f"the list has no model {wanted!r}", f"列表中没有模型 {wanted!r}"),
        todo=pick(f"languages there: {languages}", f"可选语言：{languages}"),
        exit_code=WRONG_USAGE,
    )


def _download(url: str, offer: Offer, archive: Path, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if offer.size * (1 + UNPACKED) > free:
        raise CommandError(
            pick(
                f"{folder} has {free >> 20} MiB free, {offer.name} needs about "
                f"{int(offer.size * (1 + UNPACKED)) >> 20}",
                f"{folder} 剩余 {free >> 20} MiB，{offer.name} 约需 "
                f"{int(offer.size * (1 + UNPACKED)) >> 20} MiB",
            )
        )
    sys.stderr.write(f"{url} ({offer.size >> 20} MiB)\n")
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with (
            urllib.request.urlopen(url, timeout=REACH_TIME) as answer,  # noqa: S310
            archive.open("wb") as file,
        ):
            while block := answer.read(BLOCK):
                file.write(block)
                digest.update(block)
                size += len(block)
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as e:
        raise _offline(url, e, offer.name, folder) from e
    if (offer.size and size != offer.size) or (offer.md5 and digest.hexdigest() != offer.md5):
        raise CommandError(
            pick(
                f"{url} arrived damaged: {size} bytes, the list says {offer.size}",
                f"{url} 下载不完整：收到 {size} 字节，列表为 {offer.size}",
            ),
            todo=pick("try again", "请重试"),
        )


def _install(archive: Path, unpacked: Path, target: Path) -> ModelInfo:
    try:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(unpacked)
    except zipfile.BadZipFile as error:
        raise CommandError(
            pick(f"{target.name}: not a zip archive", f"{target.name}：不是 zip 文件")
        ) from error
    inside = describe(unpacked / target.name, str(target.parent))
    if inside.fault:
        raise CommandError(_fault(inside).replace(inside.path, target.name))
    if target.exists():
        shutil.rmtree(target)  # what an interrupted installation by other means left behind
    (unpacked / target.name).rename(target)
    return describe(target, str(target.parent))


def _offline(url: str, error: Exception, wanted: str, folder: Path) -> CommandError:
    reason = getattr(error, "reason", None) or error
    name = SUGGESTED.get(wanted, wanted)
    return CommandError(
        pick(f"cannot reach {url}: {reason}", f"无法访问 {url}：{reason}"),
        todo=pick(
            f"on a machine with internet get {SOURCE}/{name}.zip and unpack it into {folder}, "
            "or name a mirror with --source",
            f"请在能上网的机器上下载 {SOURCE}/{name}.zip 并解压到 {folder}，或用 --source 指定镜像",
        ),
    )


def _target(named: str | None) -> Path:
    """The folder to install into: --to, else the first place that is looked at."""
    return Path(named).expanduser() if named else folders()[0]


def _write_json(result: object) -> None:
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
