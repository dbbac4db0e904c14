"""Real clients reach a host that `egress` names through the proxy: curl, Git, pip, npm and urllib."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.fixtures.rungs import ISOLATING, OFFERED
from workers.control import Control
from workers.gateway.egress import open_egress
from workers.sandbox.process import StopConditions
from workers.sandbox.runner import ProgramRunner

# Clients use no proxy for 127.0.0.1, which is theirs; this address of the machine's loopback is outside.
HOST = "127.0.0.2"


class _Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections that stay open, which clients like to use again
    paths: list[str]

    def log_request(self, *_: object) -> None:
        self.paths.append(self.path)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Site:
    """A web server of the machine with files for every client."""

    files: Path
    port: int
    paths: list[str]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    files = tmp_path / "files"
    paths: list[str] = []
    files.mkdir()
    handler = partial(type("Files", (_Files,), {"paths": paths}), directory=str(files))
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(files, server.server_address[1], paths)
        server.shutdown()
        thread.join()


# The image of the tests has Python and none of the other clients.
SHOW_THE_MACHINE = [name for name in ISOLATING if name != "container"]
WITH_CLIENTS = pytest.mark.parametrize("runner", SHOW_THE_MACHINE, indirect=True)


@pytest.fixture(params=ISOLATING)
def runner(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> ProgramRunner:
    (tmp_path / "cell" / "home").mkdir(parents=True)
    (tmp_path / "cell" / "tmp").mkdir()
    egress = partial(open_egress, [f"{HOST}:{site.port}"], {})
    return ProgramRunner(OFFERED[request.param], Control(), tmp_path / "cell", open_egress=egress)


def run(runner: ProgramRunner, *argv: str) -> str:
    """What the program writes; it must succeed."""
    if argv[0] != sys.executable and shutil.which(argv[0]) is None:
        pytest.skip(f"there is no {argv[0]} on this machine")
    cell, out = runner.root, runner.root.parent / "out"
    ended = runner.run(argv, cell, cell, {}, StopConditions(120), out, network=True)
    assert ended.exit_code == 0, out.read_text()
    return out.read_text()


@WITH_CLIENTS
def test_curl_with_a_plain_request_and_through_a_tunnel(runner: ProgramRunner, site: Site) -> None:
    (site.files / "a").write_text("first ")
    (site.files / "b").write_text("second")
    assert run(runner, "curl", "-sS", f"{site.url}/a", f"{site.url}/b") == "first second"
    assert run(runner, "curl", "-sS", "-p", f"{site.url}/a", f"{site.url}/b") == "first second"
    other = f"http://{HOST}:{site.port + 1}/"
    assert run(runner, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", other) == "403"


def test_urllib(runner: ProgramRunner, site: Site) -> None:
    (site.files / "big").write_bytes(bytes(5_000_000))
    code = f"import urllib.request as r; print(len(r.urlopen('{site.url}/big').read()))"
    assert run(runner, sys.executable, "-I", "-c", code) == "5000000\n"


@WITH_CLIENTS
def test_git_clones(runner: ProgramRunner, site: Site, tmp_path: Path) -> None:
    source = site.files / "source"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(source)]
    source.mkdir()
    (source / "file").write_text("content")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"], ["update-server-info"]):
        subprocess.run([*git, *command], check=True)
    run(runner, "git", "clone", "-q", f"{site.url}/source/.git", "copy")
    assert (runner.root / "copy" / "file").read_text() == "content"


@WITH_CLIENTS
def test_pip_installs(runner: ProgramRunner, site: Site) -> None:
    wheel = site.files / "simple" / "tiny" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    info = "tiny-1.0.dist-info"
    contents = {
        "tiny.py": "NAME = 'tiny'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    options = ["--isolated", "--no-cache-dir", "--trusted-host", HOST, "--index-url", f"{site.url}/simple"]
    run(runner, sys.executable, "-I", "-m", "pip", "install", "-q", *options, "--target", "lib", "tiny")
    assert (runner.root / "lib" / "tiny.py").exists()
    assert f"/simple/tiny/{wheel.name}" in site.paths


@WITH_CLIENTS
def test_npm_asks_a_registry(runner: ProgramRunner, site: Site) -> None:
    dist = {"tarball": f"{site.url}/tiny.tgz", "shasum": "0" * 40}
    version = {"name": "tiny", "version": "1.2.3", "dist": dist}
    (site.files / "tiny").write_text(
        json.dumps({"name": "tiny", "dist-tags": {"latest": "1.2.3"}, "versions": {"1.2.3": version}})
    )
    said = run(runner, "npm", "view", "--registry", site.url, "--update-notifier=false", "tiny", "version")
    assert said.strip() == "1.2.3"
