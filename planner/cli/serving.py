"""`planner predict` and `planner serve`: decisions from a bundle."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import click

from planner.cli.numbers import FiniteRange
from planner.cli.output import echo, echo_error, echo_json, note
from planner.cli.verbosity import log_as_asked
from planner.errors import PlannerError
from planner.host.config import InferenceConfig, ModelConfig, PlannerConfig
from planner.inference import PlannerInference
from planner.serving.endpoints import Endpoint
from planner.serving.service import DEFAULT_QUEUE, Service

_BUNDLE: Final = click.option(
    "--bundle", required=True, metavar="DIR", help="The bundle that decides; see planner export."
)
_CONFIDENCE: Final = click.option(
    "--confidence-threshold",
    type=FiniteRange(0, 1),
    default=0.6,
    show_default=True,
    help="Below it the planner abstains and the baseline decides.",
)
_TIMEOUT: Final = click.option(
    "--timeout-ms",
    type=FiniteRange(1, 60_000),
    default=100,
    show_default=True,
    help="Timeout, after which the baseline decides.",
)
_EPOCH: Final = click.option("--epoch", help="Refuse a bundle that was trained under another policy epoch.")


@click.command()
@_BUNDLE
@click.option(
    "--input", "source", required=True, type=click.File("rb"), help="A planner_input.v1 as JSON; - is stdin."
)
@_CONFIDENCE
@_TIMEOUT
@_EPOCH
def predict(
    bundle: str,
    source: IO[bytes],
    confidence_threshold: float,
    timeout_ms: float,
    epoch: str | None,
) -> None:
    """Decide how to work on one issue, and print the planner_action.

    An invalid planner_input is refused. If the bundle cannot decide, the action is the baseline's, with the reason.
    """
    # Imported here: the document models take a quarter of a second, which `serve` does not need.
    from planner.documents.base import parse_document
    from planner.documents.planner_input import PlannerInput

    document = _json(source.read(), source.name)
    parse_document(PlannerInput, document, source.name)
    planner = PlannerInference(_config(bundle, confidence_threshold, timeout_ms), epoch=epoch)
    if planner.problem is not None:
        note(f"planner: the baseline decides: {planner.problem}")
    echo_json(planner.decide(document).document())


@click.command()
@_BUNDLE
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Serve on a Unix socket, mode 0600.")
@click.option("--http", "address", metavar="HOST:PORT", help="Serve HTTP; port 0 takes a free one.")
@click.option(
    "--allow-remote", is_flag=True, help="Allow --http to listen on an address that other machines can reach."
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=DEFAULT_QUEUE,
    show_default=True,
    help="Maximum number of concurrent predictions; further ones fail as busy.",
)
@_CONFIDENCE
@_TIMEOUT
@_EPOCH
def serve(
    bundle: str,
    path: Path | None,
    address: str | None,
    allow_remote: bool,
    queue: int,
    confidence_threshold: float,
    timeout_ms: float,
    epoch: str | None,
) -> None:
    """Answer JSON-RPC 2.0 until SIGTERM: predict, health, reload.

    Graceful shutdown: requests that have arrived are answered. `reload` opens the bundle again and drops no request.
    """
    from planner.serving.server import serve as run

    log_as_asked()
    endpoint_of = _endpoint(path, address, allow_remote)
    config = _config(bundle, confidence_threshold, timeout_ms)
    service = Service(lambda: PlannerInference(config, epoch=epoch), queue)
    if service.problem is not None:
        raise PlannerError(service.problem)
    if not run(endpoint_of(service), _announce):
        echo_error("planner", "some requests were not answered in time")
        sys.exit(1)


def _config(bundle: str, confidence_threshold: float, timeout_ms: float) -> PlannerConfig:
    inference = InferenceConfig(confidence_threshold=confidence_threshold, timeout_ms=timeout_ms)
    return PlannerConfig(model=ModelConfig(path=bundle), inference=inference)


def _endpoint(path: Path | None, address: str | None, allow_remote: bool) -> Callable[[Service], Endpoint]:
    if (path is None) == (address is None):
        raise click.UsageError("give one of --socket PATH and --http HOST:PORT")
    if path is not None:
        return lambda service: _unix(path, service)
    host, _, port = str(address).rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{address!r} is not HOST:PORT", param_hint="--http")
    return lambda service: _http(host.strip("[]"), int(port), service, allow_remote)


def _unix(path: Path, service: Service) -> Endpoint:
    try:
        from planner.serving.unix_endpoint import UnixEndpoint
    except (ImportError, AttributeError):
        raise PlannerError("--socket: this platform has no Unix sockets; use --http 127.0.0.1:PORT") from None
    return UnixEndpoint(path, service)


def _http(host: str, port: int, service: Service, allow_remote: bool) -> Endpoint:
    from planner.serving.http_endpoint import HttpEndpoint

    return HttpEndpoint(host, port, service, allow_remote)


def _announce(address: str) -> None:
    echo(f"serving on {address}")
    sys.stdout.flush()


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise PlannerError(f"{name}: not JSON: {' '.join(str(error).split()):.200}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
