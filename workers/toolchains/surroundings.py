"""Environment of a toolchain process: an allow-list of variables, and nothing inherited."""

import os

from workers.errors import WorkerError
from workers.gateway.keys import check_no_keys
from workers.own_variables import check_passed_names
from workers.toolchains.base import RoundContext


def environment(context: RoundContext, **more: str) -> dict[str, str]:
    """PATH and locale of the worker, a HOME of the candidate's own, what `ref.env` names, and `more`.

    Raises `WorkerError` where `ref.env` names a variable of the farm itself, a key that the gateway holds, or one
    that this worker does not have.
    """
    try:
        check_passed_names(context.ref.env)
    except ValueError as error:
        raise WorkerError(f"toolchain {context.ref.name}: env: {error}") from None
    if context.ref.gateway:
        check_no_keys(context.ref.env, f"toolchain {context.ref.name}: env")
    for name in context.ref.env:
        if name not in os.environ:
            raise WorkerError(
                f"toolchain {context.ref.name}: env names {name}, which this worker does not have; set it where the"
                " worker is started, or take it out of env"
            )
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(context.home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }
    env.update({name: os.environ[name] for name in context.ref.env})
    env.update(more)
    return env
