"""A bench whose workcells are containers: from submit to the winner, in one directory, with an image made here."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.container_image import needed_image
from tests.fixtures.small_farm import bench_in

FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": "import calc\n\n\ndef test_add():\n    assert calc.add(2, 3) == 5\n",
}
CONFIG = """
schema_version: cyntra.planner_bench.v1
workcell:
  repo: {repo}
  base: main
  image: {image}
  setup: ["sh", "-c", "mkdir {{setup_dir}}/bin && ln -s /usr/bin/python3 {{setup_dir}}/bin/python"]
  gates: [{{name: test, command: "python -m pytest -q test_calc.py"}}]
  toolchains: [{{name: repair}}]
action_sampling: {{K: 2, strategy: coverage}}
"""
ISSUE = {
    "id": "i-1",
    "title": "Sums are wrong",
    "description": "add(2, 3) is -1",
    "status": "open",
    "dk_size": "S",
}


@pytest.fixture
def project() -> Iterator[Path]:
    needed_image()
    directory = Path(tempfile.mkdtemp(prefix="bf-"))
    repo = directory / "shop"
    repo.mkdir()
    for name, text in FILES.items():
        (repo / name).write_text(text)
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    git = ["git", "-C", str(repo), "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run([*git, *arguments], env=env, check=True)
    (directory / "issues.jsonl").write_text(json.dumps(ISSUE))
    yield directory
    if (directory / ".bench").exists():
        bench_in(directory, "down")
    shutil.rmtree(directory, ignore_errors=True)


def configure(project: Path, image: str) -> None:
    (project / "bench.yaml").write_text(CONFIG.format(repo=project / "shop", image=image))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_bench_in_containers_has_a_winner(project: Path) -> None:
    configure(project, "localhost/no-such-image:7")
    bench_in(project, "issues", "import", "issues.jsonl")
    refused = bench_in(project, "submit")
    assert refused.returncode == 2
    (line,) = [line for line in refused.stderr.splitlines() if "no-such-image" in line]
    assert "image localhost/no-such-image:7 is not on this machine and cannot be pulled" in line
    configure(project, needed_image().name)
    done = bench_in(project, "submit", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"image {needed_image().name}@{needed_image().digest}" in done.stderr
    report = json.loads(bench_in(project, "report", "--format", "json").stdout)
    assert set(report["sandboxes"]) == {"container"}
    machines = json.loads(bench_in(project, "machines", "list", "--json").stdout)
    assert "container:repair" in machines[0]["capabilities"]
    manifests = [json.loads(path.read_text()) for path in (project / ".bench").rglob("manifest.json")]
    assert manifests
    expected = {"name": needed_image().name, "digest": needed_image().digest}
    assert all(each["toolchain_config"]["image"] == expected for each in manifests)
    proofs = [json.loads(path.read_text()) for path in (project / ".bench").rglob("proof.json")]
    assert "success" in {each["status"] for each in proofs}
