"""Which files of an installation a sandboxed program may read."""

from pathlib import Path

from workers.sandbox.allowlist import installation_of


def test_a_program_of_npm_reads_the_packages_beside_its_own(tmp_path: Path) -> None:
    modules = tmp_path / "lib" / "node_modules"
    script = modules / "@openai" / "codex" / "bin" / "codex.js"
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/env node\n")
    link = tmp_path / "bin" / "codex"
    link.parent.mkdir()
    link.symlink_to(script)
    assert modules in installation_of(str(link))
    assert tmp_path not in installation_of(str(script))
