"""What one candidate does to set-ups, mirrors and the worker's code changes nothing for the next."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.rungs import CONTAINING, OFFERED, forced
from tests.fixtures.small_bench import Bench, make_bench
from workers.result import ExecutionResult
from workers.spec import Gate

TOOL = (
    "import pathlib, sys; place = pathlib.Path(sys.argv[1]) / 'bin'; place.mkdir(); tool = place / 'judge';"
    "tool.write_text('#!/bin/sh\\nexec python check.py\\n'); tool.chmod(0o755)"
)
HONEST = "#!/bin/sh\nexec python check.py\n"
SETUP = ["python", "-c", TOOL, "{setup_dir}"]
JUDGE = Gate(name="judge", command=["judge"], timeout_seconds=60)
TELL = """
def tries(what, deed):
    try:
        deed()
        print("DONE", what)
    except OSError as error:
        print("refused", what, error.strerror)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture(params=list(OFFERED))
def rung(request: pytest.FixtureRequest) -> Iterator[str]:
    with forced(request.param):
        yield request.param


def judged(bench: Bench, code: str, number: int) -> ExecutionResult:
    return bench.run(code, setup=SETUP, gates=[JUDGE], execution_id=number)


def products(bench: Bench) -> Path:
    (made,) = (path for path in (bench.machine.work_dir / "setups").iterdir() if path.is_dir())
    return made


def test_a_poisoned_setup_passes_nobody(bench: Bench, rung: str) -> None:
    """The attack: rewrite the judge of all that share the set-up, by its path, its directory and its parents."""
    assert judged(bench, "pass", 1).status == "failed"
    judge = products(bench) / "bin" / "judge"
    work = bench.machine.work_dir
    poison = f"""{TELL}
import os, pathlib, shutil
judge = pathlib.Path({str(judge)!r})
def overwrite(): judge.chmod(0o755); judge.write_text("#!/bin/sh\\nexit 0\\n")
def replace():
    draft = judge.with_name("draft"); draft.write_text("#!/bin/sh\\nexit 0\\n"); draft.chmod(0o755)
    draft.replace(judge)
def move(place, name):
    aside = place.with_name(name)
    place.rename(aside); shutil.copytree(aside, place, symlinks=True)
tries("overwrite", overwrite)
tries("replace", replace)
tries("move setups", lambda: move(judge.parents[2], "aside"))
tries("overwrite", overwrite)
inside = "mount -o remount,bind,rw {work / "setups"}; exec echo 1 >{judge}"
tries("open up", lambda: os.system(inside))
tries("open up", lambda: os.system(f"unshare -Urm sh -c '{{inside}}'"))
"""
    attacked = judged(bench, poison, 2)
    said = bench.said(attacked)
    if rung == "none":
        # In the others the program moves about in a view of its own.
        assert not {"DONE overwrite", "DONE replace", "DONE move setups"} & set(said.splitlines())
    if rung != "group":
        assert judge.read_text() == HONEST
    assert attacked.status == "failed"
    idle = judged(bench, "pass", 3)
    assert (idle.status, idle.fail_codes) == ("failed", ["exit_1"])
    assert judge.read_text() == HONEST


@pytest.mark.parametrize("name", CONTAINING)
def test_the_worker_s_own_code_cannot_be_written(bench: Bench, name: str) -> None:
    import workers

    own = Path(workers.__file__).parent
    code = f"{TELL}\ntries('plant', lambda: open({str(own / 'planted.py')!r}, 'w'))\n"
    with forced(name):
        said = bench.said(bench.run(code))
    assert not (own / "planted.py").exists()
    assert "refused plant" in said


def test_a_setup_that_was_changed_from_outside_is_made_anew(bench: Bench) -> None:
    judged(bench, "pass", 1)
    judge = products(bench) / "bin" / "judge"
    times = judge.stat()
    judge.write_text("#!/bin/sh\nexit 0\n")
    judge.chmod(0o755)
    # A change time cannot be set back.
    os.utime(judge, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert judged(bench, "pass", 2).status == "failed"
    assert judge.read_text() == HONEST


def test_a_setup_with_other_times_but_the_same_contents_is_kept(bench: Bench) -> None:
    judged(bench, "pass", 1)
    kept = products(bench).stat().st_ino
    os.utime(products(bench) / "bin" / "judge")
    assert judged(bench, "pass", 2).status == "failed"
    assert products(bench).stat().st_ino == kept


def mirror_of(bench: Bench) -> Path:
    (mirror,) = bench.machine.mirrors_dir.glob("*.git")
    return mirror


def test_a_poisoned_mirror_runs_nothing_and_is_fetched_anew(bench: Bench, tmp_path: Path) -> None:
    assert bench.run("pass").status == "failed"
    mirror, ran = mirror_of(bench), tmp_path / "ran"
    hook = mirror / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    with (mirror / "config").open("a") as config:
        config.write(
            f'\thooksPath = {hook.parent}\n\tfsmonitor = touch {ran}\n[url "ext::touch {ran}"]\n\tinsteadOf = /\n'
        )
    assert bench.run("pass", execution_id=2).status == "failed"
    assert not ran.exists()
    assert not hook.exists()


def test_a_false_object_in_a_mirror_is_not_judged(bench: Bench) -> None:
    """A file of the base commit that already passes, under the name of the true one."""
    bench.run("pass")
    mirror = mirror_of(bench)
    packs = mirror / "objects" / "pack"
    for pack in list(packs.glob("*.pack")):
        moved = mirror / pack.name
        pack.rename(moved)
        os.system(f"git -C {mirror} unpack-objects -q < {moved}")
        moved.unlink()
        for rest in packs.glob(f"{pack.stem}.*"):
            rest.unlink()
    wrong = b"def add(a, b):\n    return a - b\n"
    false = wrong.replace(b"-", b"+")
    for path in (mirror / "objects").glob("??/*"):
        if zlib.decompress(path.read_bytes()) == b"blob %d\0%s" % (len(wrong), wrong):
            path.chmod(0o644)
            path.write_bytes(zlib.compress(b"blob %d\0%s" % (len(false), false)))
    result = bench.run("pass", execution_id=2)
    assert (result.status, result.fail_codes) == ("failed", ["exit_1"])
