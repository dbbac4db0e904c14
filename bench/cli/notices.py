"""`bench notices`: targets of notices, and which notices reached them."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from bench.cli.answers import show_answer
from bench.cli.session import Farm, note, open_farm
from bench.errors import BenchError, FailureError
from bench.terminal import table
from db.repositories.notice_settings import change_notice_settings, read_notice_settings
from db.repositories.notices import NoticeDelivery, Notices, NoticeTarget
from db.rows import documents
from db.states import NOTICE_KINDS
from planner.cli.formats import Output, output_options


@click.group()
def notices() -> None:
    """Send notices of events on the farm, and list them.

    A notice is sent once for each event: a bench finished or halted, a cap nearly or wholly used up, a machine
    suspended, a stream starving, drift found. The coordinator finds and sends them. A target that does not accept
    one gets it again, with the same id, for a day.
    """


@notices.command()
@click.argument("name")
@click.argument("url", required=False)
@click.option("--url-env", metavar="NAME", help="Variable with the address, where that is a secret.")
@click.option("--secret-env", metavar="NAME", help="Variable with the secret that signs the messages.")
@click.option(
    "--secret-file", type=click.Path(path_type=Path), metavar="PATH", help="File with that secret, mode 0600."
)
@click.option("--apprise", is_flag=True, help="The address is one of apprise; give it with --url-env.")
@click.option(
    "--only",
    "kinds",
    multiple=True,
    type=click.Choice(NOTICE_KINDS),
    help="Only notices of this kind; may be repeated.",
)
def add(
    name: str,
    url: str | None,
    url_env: str | None,
    secret_env: str | None,
    secret_file: Path | None,
    apprise: bool,
    kinds: tuple[str, ...],
) -> None:
    """Add a target: a webhook that gets signed JSON, or an apprise URL.

    The coordinator must have the variables, or be able to read the file. Neither the secret nor an address in a
    variable is stored. Events from now on are sent; what happened before is not.

    \b
    Examples:
      bench notices add ops https://hooks.example.org/bench --secret-env FARM_HOOK_SECRET
      bench notices add chat --apprise --url-env FARM_CHAT_URL --only bench_halted
    """
    from bench.notices.targets import make_target

    target = make_target(
        name,
        "apprise" if apprise else "webhook",
        url=url,
        url_variable=url_env,
        secret_variable=secret_env,
        secret_file=secret_file,
        kinds=kinds,
    )
    with open_farm(create=True) as farm:
        if not Notices(farm.engine).add_target(target):
            raise BenchError(
                f"there is a target {name!r} already; remove it first: bench notices remove {name}"
            )
        note(f"target {name} is added; try it: bench notices test {name}")
        _note_variables(farm, target)


@notices.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a target, with what was not delivered to it.

    \b
    Example:
      bench notices remove ops
    """
    with open_farm() as farm:
        if not Notices(farm.engine).remove_target(name):
            raise BenchError(f"there is no target {name!r}; see: bench notices list")
    note(f"target {name} is removed")


@notices.command("list")
@click.option("--failed", is_flag=True, help="Only deliveries that failed.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True, help="Most rows.")
@output_options("deliveries", "targets")
def list_(failed: bool, limit: int, output: Output) -> None:
    """List the targets, and the newest notices with their deliveries.

    \b
    Examples:
      bench notices list
      bench notices list --failed
    """
    with open_farm() as farm:
        store = Notices(farm.engine)
        targets, rows = store.targets(), store.recent(limit, "failed" if failed else None)
    show_answer(
        output,
        lambda: {"targets": documents(targets), "deliveries": documents(rows)},
        lambda: [_targets_table(targets), _deliveries_table(rows)],
    )


@notices.command()
@click.argument("name")
def test(name: str) -> None:
    """Send a notice to a target now, and print the reply.

    It is sent from this machine, with the variables of this shell and not the coordinator's. Exit code 1 where the
    target did not accept it.

    \b
    Example:
      bench notices test ops
    """
    from bench.notices.deliver import send
    from bench.notices.message import test_document

    with open_farm() as farm:
        target = next((each for each in Notices(farm.engine).targets() if each.name == name), None)
        if target is None:
            raise BenchError(f"there is no target {name!r}; see: bench notices list")
        with farm.engine.connect() as connection:
            settings = read_notice_settings(connection)
    reply = send(target, test_document(datetime.now(UTC), settings), os.environ)
    if not reply.is_accepted:
        raise FailureError(f"{name}: {reply.line}")
    note(f"{name}: {reply.line}")


@notices.command("set")
@click.option(
    "--cap-percent", type=click.IntRange(1, 99), help="Share of a cap from which on there is a warning."
)
@click.option(
    "--starving-minutes", type=click.IntRange(1, 7 * 24 * 60), help="How long ready work of a stream waits."
)
@click.option(
    "--page-url", metavar="URL", help="Address of the page, which links begin with; none for no links."
)
@output_options("settings")
def set_(cap_percent: int | None, starving_minutes: int | None, page_url: str | None, output: Output) -> None:
    """Change when notices are due; shows the settings.

    \b
    Examples:
      bench notices set
      bench notices set --cap-percent 90 --page-url https://farm.example.org
    """
    from bench.notices.post import check_url

    changes: dict[str, int | str | None] = {
        name: value
        for name, value in (("cap_percent", cap_percent), ("starving_minutes", starving_minutes))
        if value is not None
    }
    if page_url is not None:
        changes["page_url"] = None if page_url == "none" else page_url
        if page_url != "none":
            check_url(page_url, "--page-url")
    with open_farm(create=True) as farm:
        settings = change_notice_settings(farm.engine, changes)
    rows = [{"setting": key, "value": value} for key, value in settings._asdict().items()]
    show_answer(
        output,
        lambda: {"settings": rows},
        lambda: [
            table("Settings", ("setting", "value"), [(row["setting"], _text(row["value"])) for row in rows])
        ],
    )


def _note_variables(farm: Farm, target: NoticeTarget) -> None:
    names = [name for name in (target.url_variable, target.secret_variable) if name is not None]
    if not names:
        return
    where = " and ".join(names)
    if farm.embedded is None:
        note(f"start the coordinator with {where} in its environment")
    else:
        note(f"the coordinator gets {where} from the shell of the next `bench up` or `bench submit`")


def _targets_table(rows: list[NoticeTarget]) -> Table:
    return table(
        "Targets",
        ("target", "type", "address", "secret", "kinds"),
        [
            (
                row.name,
                row.type,
                row.url or f"${row.url_variable}",
                f"${row.secret_variable}" if row.secret_variable else row.secret_file or "–",
                ", ".join(row.kinds) or "all",
            )
            for row in rows
        ],
    )


def _deliveries_table(rows: list[NoticeDelivery]) -> Table:
    return table(
        "Notices",
        ("at (UTC)", "notice", "target", "state", "tries>", "reply"),
        [
            (
                f"{row.at:%Y-%m-%d %H:%M}",
                row.subject,
                row.target or "–",
                row.state or "–",
                _text(row.tries),
                row.answer or "–",
            )
            for row in rows
        ],
    )


def _text(value: object) -> str:
    return "–" if value is None else str(value)
