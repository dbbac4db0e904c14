"""Promise: fetches sign in as the account that runs them does in its shell, and nothing of it reaches a candidate."""

import gzip
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.submit.left_out import fetch_ahead
from tests.fixtures.executions import FIX, Orders, python
from tests.fixtures.private_repository import BASIC, PASSWORD, USER, PrivateRepository
from workers.control import Control
from workers.errors import WorkerError
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.repository import mirror as mirrors
from workers.repository.git import git, git_failure_line
from workers.repository.mirror import ensure_commit, resolve_ref
from workers.repository.remote import remedy_for
from workers.spec import Gate

HELPER = f'[credential]\n\thelper = "!f() {{ echo username={USER}; echo password={PASSWORD}; }}; f"\n'
Setting = Callable[[Path, PrivateRepository, pytest.MonkeyPatch], None]


def _program(place: Path, text: str) -> Path:
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return place


def _own(home: Path, private: PrivateRepository, _: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text(HELPER)


def _xdg(home: Path, private: PrivateRepository, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    (home / "xdg" / "git").mkdir(parents=True)
    (home / "xdg" / "git" / "config").write_text(HELPER)


def _included(home: Path, private: PrivateRepository, _: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text("[include]\n\tpath = work.gitconfig\n")
    (home / "work.gitconfig").write_text(HELPER)


def _system(home: Path, private: PrivateRepository, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("GIT_CONFIG_NOSYSTEM")
    (home / "etc").write_text(HELPER)
    patch.setenv("GIT_CONFIG_SYSTEM", str(home / "etc"))


def _store(home: Path, private: PrivateRepository, _: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    host = private.url.removeprefix("http://").partition("/")[0]
    (home / ".git-credentials").write_text(f"http://{USER}:{PASSWORD}@{host}\n")


def _netrc(home: Path, private: PrivateRepository, _: pytest.MonkeyPatch) -> None:
    (home / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")


def _header(home: Path, private: PrivateRepository, _: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text(f"[http]\n\textraHeader = Authorization: {BASIC}\n")


def _rewritten(home: Path, private: PrivateRepository, _: pytest.MonkeyPatch) -> None:
    with_token = private.url.replace("http://", f"http://{USER}:{PASSWORD}@").rpartition("/")[0]
    plain = private.url.rpartition("/")[0]
    (home / ".gitconfig").write_text(f'[url "{with_token}"]\n\tinsteadOf = {plain}\n')


def _asked(home: Path, private: PrivateRepository, patch: pytest.MonkeyPatch) -> None:
    script = f'case "$1" in Username*) echo {USER};; *) echo "$GIT_PASSWORD";; esac'
    patch.setenv("GIT_ASKPASS", str(_program(home / "askpass", script)))
    patch.setenv("GIT_PASSWORD", PASSWORD)


def _in_variables(home: Path, private: PrivateRepository, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("GIT_CONFIG_COUNT", "1")
    patch.setenv("GIT_CONFIG_KEY_0", "http.extraHeader")
    patch.setenv("GIT_CONFIG_VALUE_0", f"Authorization: {BASIC}")


SETTINGS = [_own, _xdg, _included, _system, _store, _netrc, _header, _rewritten, _asked, _in_variables]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.__name__.strip("_"))
def test_what_git_reads_in_the_shell_the_farm_mirrors_and_keeps_no_credential(
    setting: Setting,
    private: PrivateRepository,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(WorkerError, match=r"cannot be reached: .*sign in as Git does"):
        resolve_ref(private.url, "main")
    setting(home, private, monkeypatch)
    assert resolve_ref(private.url, "main") == private.commit
    mirror = ensure_commit(tmp_path / "mirrors", private.url, private.commit)
    kept = subprocess.run(
        ["grep", "-rlE", f"{PASSWORD}|{BASIC}", str(mirror.parent)], capture_output=True, check=False
    )
    assert (kept.returncode, kept.stdout) == (1, b"")


@pytest.fixture
def proxy(private: PrivateRepository) -> Iterator[tuple[str, list[str]]]:
    """A proxy that forwards plain HTTP, and the hosts that were asked of it: it takes any host for the private one."""
    seen: list[str] = []
    host = private.url.removeprefix("http://").partition("/")[0]

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked, _, path = self.path.removeprefix("http://").partition("/")
            seen.append(asked)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = urllib.request.Request(f"http://{host}/{path}", body or None, method=self.command)
            for name, value in self.headers.items():
                if name.lower() not in ("host", "content-length", "proxy-connection"):
                    request.add_header(name, value)
            request.add_header("Authorization", BASIC)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request) as answer:
                data = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 — the name is the library's

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://user:{PASSWORD}@127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("by", ["http_proxy", "http.proxy"])
def test_a_proxy_is_used_as_git_uses_it(
    by: str,
    proxy: tuple[str, list[str]],
    private: PrivateRepository,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, seen = proxy
    if by == "http_proxy":
        monkeypatch.setenv("http_proxy", address)
    else:
        (home / ".gitconfig").write_text(f"[http]\n\tproxy = {address}\n")
    repo = "http://git.nowhere.invalid/r.git/.git"
    assert resolve_ref(repo, "main") == private.commit
    ensure_commit(tmp_path / "mirrors", repo, private.commit)
    assert set(seen) == {"git.nowhere.invalid"}


@pytest.mark.parametrize("by", ["GIT_SSH_COMMAND", "core.sshCommand", "GIT_SSH"])
def test_ssh_is_called_as_the_account_says(
    by: str, private: PrivateRepository, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It stands for ssh: the server's side of Git on this machine, and no terminal to ask at.
    ssh = _program(
        home / "my-ssh",
        'test -e /dev/tty && (: < /dev/tty) 2>/dev/null && exit 9\nfor last; do :; done; eval "$last"',
    )
    if by == "core.sshCommand":
        (home / ".gitconfig").write_text(f"[core]\n\tsshCommand = {ssh}\n")
    else:
        monkeypatch.setenv(by, str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    repo = f"git@nowhere.invalid:{private.path}"
    assert resolve_ref(repo, "main") == private.commit
    assert ensure_commit(tmp_path / "mirrors", repo, private.commit).exists()


def test_nothing_of_it_reaches_a_candidate_or_a_gate(
    private: PrivateRepository,
    home: Path,
    order: Orders,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _rewritten(home, private, monkeypatch)
    for name in ("GIT_ASKPASS", "FORGE_TOKEN", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "no_proxy"):
        monkeypatch.setenv(name, f"{PASSWORD}-{name}")
    look = (
        "import os, subprocess; told = str(dict(os.environ))"
        " + subprocess.run(['git', 'config', '--list', '--show-origin'], capture_output=True, text=True).stdout"
        " + subprocess.run(['grep', '-rs', 'sesa' + 'me', '.git'], capture_output=True, text=True).stdout"
        f" + str(os.path.exists({str(home / '.gitconfig')!r}))"
        " + str([open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()]); "
    )
    leaks = look + "open('seen.txt', 'w').write(told); " + FIX
    gates = [
        Gate(name="look", command=["python", "-c", look + "print(told); assert 'sesa' + 'me' not in told"])
    ]
    given = order(python(leaks), repo=private.url, base=private.commit, gates=gates)
    result = run_execution(given, machine, Control())
    assert (result.status, result.message) == ("success", "")
    archive = Path(result.candidates[0].archive or "")
    patch = (archive / "patch.diff").read_text()
    assert "seen.txt" in patch
    assert "False" in patch.partition("seen.txt")[2]
    assert PASSWORD not in "".join(_text(path) for path in archive.rglob("*") if path.is_file())


def test_what_a_submission_fetched_the_worker_needs_no_sign_in_for(
    private: PrivateRepository, home: Path, order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.extraHeader")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"Authorization: {BASIC}")
    given = order(python(FIX), repo=private.url, base=private.commit)
    fetch_ahead(given.workcell, machine.mirrors_dir)
    monkeypatch.delenv("GIT_CONFIG_COUNT")
    result = run_execution(given, machine, Control())
    assert (result.status, result.message) == ("success", "")


def test_a_helper_sees_the_accounts_variables_and_none_of_the_farms(
    private: PrivateRepository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {
        "BENCH_SECRET_KEY": "a",
        "BENCH_DATABASE_URL": "b",
        "PGPASSWORD": "c",
        "Bench_Broker_Url": "d",
        "OPENAI_API_KEY": "e",
    }
    leading = {
        "GIT_DIR": "/nowhere",
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_TRACE": "1",
        "GIT_NAMESPACE": "x",
        "GIT_SHALLOW_FILE": "/x",
    }
    for name, value in {**own, **leading, "FORGE_TOKEN": PASSWORD}.items():
        monkeypatch.setenv(name, value)
    script = f'env > {home}/seen; echo username={USER}; echo "password=$FORGE_TOKEN"'
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = {_program(home / 'helper', script)}\n")
    assert resolve_ref(private.url, "main") == private.commit
    seen = {line.partition("=")[0] for line in (home / "seen").read_text().splitlines()}
    assert not seen & {*own, *leading}
    assert {"FORGE_TOKEN", "HOME", "PATH"} <= seen


def test_hooks_and_submodules_of_the_accounts_configuration_stay_out(
    private: PrivateRepository, home: Path, tmp_path: Path
) -> None:
    hooks = home / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        _program(hooks / name, f"touch {home}/ran")
    (home / ".gitconfig").write_text(
        HELPER + f"[core]\n\thooksPath = {hooks}\n[fetch]\n\tprune = true\n\trecurseSubmodules = true\n"
        "[safe]\n\tbareRepository = explicit\n[gc]\n\tauto = 1\n"
    )
    ensure_commit(tmp_path / "mirrors", private.url, private.commit)
    assert not (home / "ran").exists()


def test_the_repository_one_stands_in_is_not_asked(
    private: PrivateRepository, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q", str(tmp_path / "here"))
    git("config", "credential.helper", f"!touch {home}/ran; true", cwd=tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(WorkerError, match="sign in as Git does"):
        resolve_ref(private.url, "main")
    assert not (home / "ran").exists()


def test_a_helper_that_waits_for_somebody_ends_with_a_line(
    private: PrivateRepository, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "LIST_SECONDS", 1.0)
    (home / ".gitconfig").write_text('[credential]\n\thelper = "!sleep 300; true"\n')
    started = time.monotonic()
    for ask in (
        lambda: resolve_ref(private.url, "main"),
        lambda: ensure_commit(tmp_path / "mirrors", private.url, private.commit),
    ):
        with pytest.raises(WorkerError, match=r"no end after 1 seconds; .*a credential helper waits"):
            ask()
    assert time.monotonic() - started < 60


def test_a_connection_kept_open_holds_nothing_up(
    private: PrivateRepository, home: Path, tmp_path: Path
) -> None:
    """As ssh with ControlPersist, or the daemon of `credential-cache`, does: it keeps standard error."""
    daemon = _program(
        home / "helper",
        f"sleep 300 < /dev/null > /dev/null & echo $! > {home}/pid\n"
        + (f"echo username={USER}; echo password={PASSWORD}"),
    )
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = {daemon}\n")
    started = time.monotonic()
    try:
        assert resolve_ref(private.url, "main") == private.commit
        assert time.monotonic() - started < mirrors.LIST_SECONDS / 2
    finally:
        os.kill(int((home / "pid").read_text()), 9)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            "git@host: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n",
            "SSH agent",
        ),
        ("Host key verification failed.\r\nfatal: Could not read from remote repository.\n", "known_hosts"),
        ("fatal: unable to access 'https://h/x/': Could not resolve host: h\n", "http.proxy"),
        ("fatal: unable to access 'https://proxy/tls.git/': Connection refused\n", "check the address"),
        (
            "fatal: unable to access 'https://h/x/': SSL certificate problem: self-signed certificate\n",
            "sslCAInfo",
        ),
        (
            "fatal: unable to access 'https://h/x/': server certificate verification failed. CAfile: none\n",
            "sslCAInfo",
        ),
        ("fatal: unable to access 'https://h/x/': CONNECT tunnel failed, response 407\n", "https_proxy"),
        ("fatal: unable to access 'https://h/x/': Could not resolve proxy: p\n", "https_proxy"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled\n", "credential helper"),
        ("remote: Repository not found.\nfatal: repository 'https://h/x/' not found\n", "credential helper"),
        (
            "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://u:p@h/'\n",
            "credential helper",
        ),
        (
            "fatal: unable to access 'https://h/x/': The requested URL returned error: 403\n",
            "credential helper",
        ),
        (
            "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n",
            "credential helper",
        ),
        ("fatal: transport 'ext' not allowed\n", "not allowed"),
        ("fatal: bad config line 1 in file /home/u/.gitconfig\n", "correct the Git configuration"),
        (
            "fatal: unable to access '/home/u/.gitconfig': Permission denied\n",
            "correct the Git configuration",
        ),
        ("fatal: unable to access 'https://h/x/': Connection timed out\n", "silent"),
    ],
)
def test_a_failure_says_in_one_line_what_git_said_and_what_mends_it(output: str, words: str) -> None:
    told = git_failure_line(output.encode())
    assert "\n" not in told
    assert "u:p@" not in told
    assert words in str(remedy_for(told))


def test_a_commit_that_is_not_there_needs_nobody_to_sign_in() -> None:
    assert remedy_for("fatal: remote error: upload-pack: not our ref " + "a" * 40) is None
    assert remedy_for("fatal: couldn't find remote ref 'authentication failed'") is None


def test_the_real_ssh_without_a_key_ends_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("no ssh here")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(WorkerError, match=r"cannot be reached: .*Connection refused; check the address"):
        resolve_ref(f"ssh://git@127.0.0.1:{port}/x.git", "main")


def _text(path: Path) -> str:
    """The text of an archived file, which may be compressed."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
