"""Model bundle with integrity checks: a directory with one model and everything inference needs.

`metadata.json` names every file with its SHA-256 digest and holds a digest of its own content. A file of another
bundle, a truncated file or an edited line is refused before anything runs.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

import onnxruntime

from planner.actions import action_space_document
from planner.canonical import canonical_json, sha256_json
from planner.encoding.forms import InputForm, input_form
from planner.errors import PlannerError
from planner.policies.outcome_choice import DecisionWeights
from planner.space.heads import HEADS
from planner.space.isotonic import IsotonicCurve
from planner.system.regular_files import MIB, open_regular, read_regular

SCHEMA_VERSION: Final = "cyntra.model_bundle.v1"
MODEL: Final = "model.onnx"
CONFIG: Final = "config.json"
ACTION_SPACE: Final = "action_space.json"
CALIBRATION: Final = "calibration.json"
TOKENIZER: Final = "tokenizer_config.json"
VALIDATION: Final = "validation_report.json"
GOLDENS: Final = "golden.json"
GOLDEN_NUMBERS: Final = "golden.npy"
METADATA: Final = "metadata.json"
WEIGHTS: Final = "model.pt"
REQUIRED: Final = (MODEL, CONFIG, ACTION_SPACE, CALIBRATION, TOKENIZER, VALIDATION, GOLDENS, GOLDEN_NUMBERS)
_DECIDE: Final = (MODEL, CONFIG, ACTION_SPACE, CALIBRATION, TOKENIZER)
OPSETS: Final = range(17, 24)
"""LayerNormalization needs 17; the oldest supported onnxruntime reads up to 23."""

_LARGEST: Final = {False: 64 * MIB, True: 2048 * MIB}
"""Size limits in bytes, of a document and of a model or any other file; protobuf stops at 2 GiB."""

OutputForm = Literal["heads", "cells", "outcomes"]
OUTPUTS: Final[dict[OutputForm, tuple[str, ...]]] = {
    "heads": HEADS,
    "cells": ("cells",),
    "outcomes": ("outcomes",),
}
"""The model outputs that a decision is decoded from."""


class BundleError(PlannerError):
    """Invalid bundle. The message names the file, the reason and the fix."""


class EpochMismatchError(BundleError):
    """The bundle was trained under another policy epoch than the requested one."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose digests were all verified. It holds the model's bytes: drop it once a session exists."""

    path: Path
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    temperatures: Mapping[str, float]
    """Calibration temperature by head, already folded into the model: nothing divides by it again."""
    input: InputForm
    output_form: OutputForm
    decision: DecisionWeights
    """Utility weights of an outcome model; the other kinds ignore them."""
    model: bytes = field(repr=False)
    isotonic: IsotonicCurve | None = None
    """Calibration curve on top of the temperatures; it is applied when an output is decoded."""

    @property
    def kind(self) -> str:
        """The kind of policy: mlp, joint, autoregressive, sequence or outcome."""
        return str(self.config["kind"])

    @property
    def checkpoint_id(self) -> str:
        """Digest of the trained weights."""
        return str(self.metadata["checkpoint_id"])

    @property
    def version(self) -> str:
        """Digest of everything that affects a decision: model, configuration and layout."""
        return str(self.metadata["model_version"])

    @property
    def epoch(self) -> str | None:
        """Policy epoch of the training data; None where epochs were mixed on request."""
        epoch: str | None = self.metadata["epoch"]
        return epoch


def open_bundle(path: Path | str, epoch: str | None = None) -> Bundle:
    """Open the bundle at `path` and verify every digest.

    Raises `BundleError` where a file is missing, altered or invalid, and `EpochMismatchError` where `epoch` is given
    and the bundle was trained under another one.
    """
    path = Path(path)
    metadata = _metadata(path)
    files = _verified_files(path, metadata)
    config = _document(path / CONFIG, files[CONFIG])
    calibration = _document(path / CALIBRATION, files[CALIBRATION])
    tokenizer = _document(path / TOKENIZER, files[TOKENIZER])
    if _document(path / ACTION_SPACE, files[ACTION_SPACE]) != action_space_document():
        raise _refusal(
            path / ACTION_SPACE, "another action space than this planner's; export it again with this version"
        )
    bundle = Bundle(
        path=path,
        config=config,
        metadata=metadata,
        temperatures=_temperatures(path, calibration),
        input=_input_form(path, config, tokenizer),
        output_form=_output_form(path, config),
        decision=_decision(path, config),
        model=files[MODEL],
        isotonic=_isotonic(path, calibration),
    )
    if epoch is not None and bundle.epoch != epoch:
        raise EpochMismatchError(
            f"{path}: trained under epoch {bundle.epoch!r}, asked for {epoch!r}; train on data of this epoch"
        )
    return bundle


def metadata_hash(metadata: Mapping[str, Any]) -> str:
    """SHA-256 digest of the canonical JSON of `metadata`, without its own `metadata_hash`."""
    return sha256_json({key: value for key, value in metadata.items() if key != "metadata_hash"})


def _metadata(path: Path) -> dict[str, Any]:
    metadata_file = path / METADATA
    if not path.is_dir():
        raise _refusal(path, "no such bundle; `planner export` makes one")
    metadata = _document(metadata_file, _read(metadata_file))
    version = metadata.get("schema_version")
    if version != SCHEMA_VERSION:
        raise _refusal(
            metadata_file, f"schema_version {version!r}; this planner reads {SCHEMA_VERSION!r} only"
        )
    if metadata.get("metadata_hash") != metadata_hash(metadata):
        raise _refusal(metadata_file, "its content does not match its metadata_hash; export the bundle again")
    _check_runtime(metadata_file, metadata)
    return metadata


def _check_runtime(path: Path, metadata: Mapping[str, Any]) -> None:
    opset, needed = metadata.get("opset"), metadata.get("minimum_onnxruntime")
    if opset not in OPSETS:
        raise _refusal(path, f"opset {opset!r}; this planner runs {OPSETS.start} to {OPSETS.stop - 1}")
    here = onnxruntime.__version__
    if not isinstance(needed, str) or _version(here) < _version(needed):
        raise _refusal(path, f"needs onnxruntime {needed!r} or newer, here is {here}; upgrade onnxruntime")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())


def _verified_files(path: Path, metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """The verified content of the files that inference uses; each is read once, so no file can change in between."""
    listed = metadata.get("files")
    if not isinstance(listed, dict) or not set(REQUIRED) <= set(listed) <= {*REQUIRED, WEIGHTS}:
        raise _refusal(path / METADATA, f"`files` must name {', '.join(REQUIRED)} and may name {WEIGHTS}")
    contents = {}
    for name, expected in listed.items():
        if name in _DECIDE:
            contents[name] = _read(path / name)
            digest = hashlib.sha256(contents[name]).hexdigest()
        else:
            digest = _digest(path / name)
        if digest != expected:
            raise _refusal(path / name, "its hash is not the one in metadata.json; export the bundle again")
    return contents


def _read(path: Path) -> bytes:
    with _refusing(path):
        return read_regular(path, _LARGEST[path.name == MODEL], links=False)


def _digest(path: Path) -> str:
    # In small chunks: after megabytes are freed, the allocator does not return later freed memory to the system.
    with _refusing(path), open_regular(path, links=False) as content:
        if os.fstat(content.fileno()).st_size > _LARGEST[True]:
            raise _refusal(path, f"larger than {_LARGEST[True] // MIB} MiB; export the bundle again")
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _refusal(path, "missing; the bundle is not whole, export it again") from None
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror or error}") from None


def _document(path: Path, content: bytes) -> dict[str, Any]:
    try:
        document = _strict_json.decode(content.decode())
        # A lone surrogate is valid JSON but has no UTF-8 bytes to hash.
        canonical_json(document).encode()
    except (ValueError, RecursionError):
        raise _refusal(path, "not valid JSON; export the bundle again") from None
    if not isinstance(document, dict):
        raise _refusal(path, "a JSON object is needed; export the bundle again")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_strict_json: Final = json.JSONDecoder(parse_constant=_no_constant)


def _temperatures(path: Path, calibration: Mapping[str, Any]) -> dict[str, float]:
    temperatures = calibration.get("temperature")
    if (
        not isinstance(temperatures, dict)
        or set(temperatures) != set(HEADS)
        or not all(map(_positive, temperatures.values()))
    ):
        raise _refusal(
            path / CALIBRATION, f"`temperature` must give {', '.join(HEADS)} a positive number each"
        )
    return {head: float(temperatures[head]) for head in HEADS}


def _isotonic(path: Path, calibration: Mapping[str, Any]) -> IsotonicCurve | None:
    try:
        return IsotonicCurve.of(calibration.get("isotonic"))
    except PlannerError as error:
        raise _refusal(path / CALIBRATION, f"{error}; export the bundle again") from None


def _positive(value: Any) -> bool:
    return _is_number(value) and 0 < value < math.inf


def _input_form(path: Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> InputForm:
    try:
        return input_form(config.get("input_form"), tokenizer.get("fingerprint"))
    except PlannerError as error:
        raise _refusal(path / TOKENIZER, str(error)) from None


def _output_form(path: Path, config: Mapping[str, Any]) -> OutputForm:
    for form in OUTPUTS:
        if config.get("output_form") == form and isinstance(config.get("kind"), str):
            return form
    raise _refusal(path / CONFIG, f"`kind` and `output_form` are needed; forms known: {', '.join(OUTPUTS)}")


def _decision(path: Path, config: Mapping[str, Any]) -> DecisionWeights:
    given = config.get("decision", {})
    if isinstance(given, dict) and all(map(_is_number, given.values())):
        with suppress(TypeError):
            return DecisionWeights.of(given)
    known = ", ".join(DecisionWeights().document())
    raise _refusal(path / CONFIG, f"`decision` gives numbers to {known}; export the bundle again")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refusal(path: Path, reason: str) -> BundleError:
    return BundleError(f"{path}: {reason}")
