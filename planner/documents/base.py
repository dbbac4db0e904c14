"""Validation shared by all documents: strict types, RFC 3339 times, error messages of one line."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from planner.canonical import canonical_json, sha256_json
from planner.errors import PlannerError

_UTC_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|\+00:00)$"


def _real_utc_time(text: str) -> str:
    if not re.fullmatch(_UTC_PATTERN, text):
        raise ValueError("a time must be RFC 3339 in UTC, such as 2026-01-31T12:00:00Z")
    # Python reads at most microseconds; the check is about the calendar, not the fraction.
    datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    return text


# Stored as text: a document that is read and written again keeps its bytes.
Timestamp = Annotated[
    str,
    AfterValidator(_real_utc_time),
    Field(json_schema_extra={"format": "date-time", "pattern": _UTC_PATTERN}),
]

Priority = Literal["P0", "P1", "P2", "P3"]
Risk = Literal["low", "medium", "high", "critical"]
Size = Literal["XS", "S", "M", "L", "XL"]
CandidatesBin = Literal[1, 2, 3, "NA"]
MinutesBin = Literal[15, 30, 45, 60, 120, "NA"]
IterationsBin = Literal[1, 2, 3, 5, "NA"]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Dollars = Annotated[float, Field(ge=0)]


class Closed(BaseModel):
    """Unknown keys are refused; values are taken as they are, never converted; instances do not change."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def document(self) -> dict[str, Any]:
        """The JSON form, without optional fields that were not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Open(Closed):
    """Like `Closed`, but keys that a later version or another system adds are kept."""

    model_config = ConfigDict(extra="allow")


AnyDocument = TypeVar("AnyDocument", bound=Closed)


def parse_document(model: type[AnyDocument], data: Any, where: str = "") -> AnyDocument:
    """Validate `data` (parsed JSON) as a `model`; `where` names the document, such as a file and a line number.

    Raises `PlannerError` of one line with the path inside the document; for an unknown version it names the known one.
    """
    try:
        return _parse(model, data)
    except PlannerError as error:
        prefix = f"{where}: " if where else ""
        # Foreign keys and values may hold any Unicode line break.
        raise PlannerError(" ".join(f"{prefix}{schema_version_of(model)}: {error}".split())) from None


def _parse(model: type[AnyDocument], data: Any) -> AnyDocument:
    if not isinstance(data, Mapping):
        raise PlannerError(f"a JSON object is needed, not {type(data).__name__}")
    version = data.get("schema_version")
    if version != schema_version_of(model):
        problem = "no schema_version" if version is None else f"unknown schema_version {version!r}"
        raise PlannerError(f"{problem}; this reader knows {schema_version_of(model)!r} only")
    try:
        parsed = model.model_validate(dict(data))
    except ValidationError as error:
        raise PlannerError(one_line(error)) from None
    # Open fields accept any Python value; one that JSON cannot represent is refused here.
    try:
        canonical_json(data).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PlannerError(f"not a JSON value: {error}") from None
    return parsed


def schema_version_of(model: type[BaseModel]) -> str:
    """The `schema_version` constant of a document model."""
    return str(get_args(model.model_fields["schema_version"].annotation)[0])


def one_line(error: ValidationError) -> str:
    """The first validation error with its path, and the number of further ones."""
    problems = error.errors(include_url=False, include_context=False)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problems[0]["loc"])
    message = " ".join(problems[0]["msg"].split())
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{path.lstrip('.') or 'document'}: {message}{more}"


def hash_without_time(document: Mapping[str, Any]) -> str:
    """SHA-256 digest of the canonical JSON of a document, without its `created_at`."""
    return sha256_json({key: value for key, value in document.items() if key != "created_at"})
