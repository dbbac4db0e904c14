"""A program with the network has one of its own: it reaches what `egress` names, never the machine's services."""

import http.server
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.fixtures.rungs import ISOLATING, OFFERED, forced
from tests.fixtures.small_bench import Bench, make_bench
from workers.control import Control
from workers.gateway.egress import open_egress
from workers.result import ExecutionResult
from workers.sandbox import process
from workers.sandbox.process import StopConditions
from workers.sandbox.program import MARK, SandboxedProgram
from workers.spec import Rates

FIX = "open('calc.py', 'w').write('def add(a, b):\\n    return a + b\\n')\n"
OPENER = """
import os, socket, urllib.error, urllib.request
def get(url, handlers=()):
    try:
        return urllib.request.build_opener(*handlers).open(url, timeout=20).read().decode().strip()
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError as error:
        return "unreachable"
"""


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"reached\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def service(host: str) -> Iterator[int]:
    """An HTTP service of the machine; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = type("Server", (http.server.ThreadingHTTPServer,), {"address_family": family})
    with kind((host, 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(params=ISOLATING)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with forced(request.param):
        yield make_bench(tmp_path)


def run(bench: Bench, code: str, egress: list[str], **more: object) -> ExecutionResult:
    rates = Rates(usd_per_minute=0.0, max_usd_per_candidate=1.0)
    return bench.run(OPENER + code, network=True, egress=egress, rates=rates, **more)


def test_no_spelling_of_the_machine_s_loopback_reaches_a_service_there(bench: Bench) -> None:
    with service("0.0.0.0") as port, service("::") as port6:
        name = socket.gethostname()
        code = f"""
direct = urllib.request.ProxyHandler({{}})
proxied = urllib.request.ProxyHandler({{"http": "http://127.0.0.1:8378"}})
for key in [k for k in os.environ if k.lower() == "no_proxy"]:
    del os.environ[key]
for host in ("127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0", "2130706433", "0x7f.1", "127.1", "{name}"):
    print(host, get(f"http://{{host}}:{port}/", [proxied]), get(f"http://{{host}}:{port}/", [direct]))
for host in ("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"):
    for port in ({port}, {port6}):
        print(host, get(f"http://{{host}}:{{port}}/", [proxied]), get(f"http://{{host}}:{{port}}/", [direct]))
raise SystemExit(1)
"""
        result = run(bench, code, [])
    lines = bench.said(result).splitlines()
    assert len(lines) == 16
    assert "reached" not in bench.said(result)
    assert "127.0.0.1 403 unreachable" in lines
    assert "this machine's own address" in bench.said(result, "round-1.refused")
    # A round that failed names what it was refused.
    assert "network refused: " in result.candidates[0].rounds[0].message


def test_a_service_that_the_list_names_is_reached_and_its_neighbour_is_not(bench: Bench) -> None:
    with service("127.0.0.2") as named, service("127.0.0.1") as offered, service("127.0.0.2") as other:
        code = f"""
print(get("http://127.0.0.2:{named}/"), get("http://127.0.0.1:{offered}/"), get("http://localhost:{offered}/"))
print(get("http://127.0.0.2:{other}/"), get("http://127.0.0.1:{other}/"), get("http://example.org/"))
{FIX}"""
        result = run(bench, code, [f"127.0.0.2:{named}", f"localhost:{offered}"])
    assert bench.said(result) == "reached reached reached\n403 unreachable 403\n"
    assert result.status == "success"
    assert bench.said(result, "round-1.refused").count("not in the egress list") == 2


def test_abstract_sockets_of_the_machine_are_not_reached(bench: Bench) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0bench-test-abstract")
        server.listen()
        code = """
try:
    socket.socket(socket.AF_UNIX).connect("\\0bench-test-abstract")
    print("reached")
except OSError as error:
    print(error.strerror)
"""
        assert bench.said(run(bench, code, [])) == "Connection refused\n"


def test_the_machine_s_proxy_and_its_credential_stay_outside(bench: Bench) -> None:
    variables = {"HTTPS_PROXY": "http://me:secret@proxy.invalid:3128", "http_proxy": "http://proxy.invalid"}
    bench = bench.on(pass_env={**variables, "SOME_SETTING": "passed"})
    code = (
        "print(sorted((k, v) for k, v in os.environ.items() if 'proxy' in k.lower() or k == 'SOME_SETTING'))"
    )
    text = bench.said(run(bench, code, []))
    assert "proxy.invalid" not in text
    assert text.count("http://127.0.0.1:8378") == 6
    assert "'passed'" in text


def test_a_set_up_is_bound_by_the_same_list_and_says_what_was_refused(bench: Bench) -> None:
    with service("127.0.0.2") as named, service("127.0.0.2") as other:
        code = f"{OPENER}\nassert get('http://127.0.0.2:{{}}/') == 'reached', 'no answer'"
        listed = [f"127.0.0.2:{named}"]
        setup = [sys.executable, "-c", code.format(named).replace("{", "{{").replace("}", "}}")]
        assert run(bench, FIX, listed, setup=setup).status == "success"
        setup[2] = code.format(other).replace("{", "{{").replace("}", "}}")
        failed = run(bench, FIX, listed, setup=setup)
    assert (failed.status, failed.error_class) == ("error", "infra")
    assert f"network refused: 127.0.0.2:{other} (1 time): not in the egress list" in failed.message


def test_a_proxy_that_programs_cannot_be_led_through_is_named(bench: Bench) -> None:
    result = run(bench.on(pass_env={"ALL_PROXY": "socks5://proxy.invalid:1080"}), "pass", [])
    assert (result.status, result.error_class) == ("error", "infra")
    assert "no http:// or https:// address (socks5://" in result.message


@pytest.mark.parametrize("name", ISOLATING)
def test_another_candidate_s_route_cannot_be_taken(name: str, tmp_path: Path) -> None:
    with service("127.0.0.2") as port:
        mine, theirs = (
            partial(open_egress, ["x.invalid"], {}),
            partial(open_egress, [f"127.0.0.2:{port}"], {}),
        )
        with mine() as own, theirs() as neighbour:
            code = f"""
import os, socket
for path in ({str(neighbour.doors[0].socket)!r}, {str(neighbour.doors[1].socket)!r}):
    with socket.socket(socket.AF_UNIX) as probe:
        print(probe.connect_ex(path))
print([name for name in os.listdir("/tmp") if "-door-" in name])
door = socket.create_connection(("127.0.0.1", 8378))
door.sendall(b"CONNECT 127.0.0.2:{port} HTTP/1.1\\r\\n\\r\\n")
print(door.recv(12))
"""
            cell = tmp_path / "cell"
            cell.mkdir()
            program = SandboxedProgram(
                (sys.executable, "-I", "-S", "-c", code),
                {MARK: str(tmp_path)},
                cell,
                cell,
                network=True,
                doors=own.doors,
            )
            process.run(OFFERED[name], program, StopConditions(60), Control(), tmp_path / "out")
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines == ["2", "2", f"['{own.doors[0].socket.parent.name}']", "b'HTTP/1.1 403'"]
