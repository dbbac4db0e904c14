"""An issue, in the field names of the contract."""

from collections.abc import Mapping
from typing import Any, Final, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.intake.errors import IntakeError
from planner.actions import JobType
from planner.documents.base import Priority, Risk, Size

PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
RISKS: Final[tuple[Risk, ...]] = get_args(Risk)
SIZES: Final[tuple[Size, ...]] = get_args(Size)
ESCALATION_TAGS: Final = frozenset({"escalation", "needs-human"})
CLOSED_STATUSES: Final = frozenset(
    {"done", "closed", "tombstone", "deleted", "wontfix", "won't_fix"}
    | {"resolved", "completed", "complete", "cancelled", "canceled"}
)


class Dependency(BaseModel):
    """`issue_id` waits for `depends_on_id`, in the sense of `type`."""

    model_config = ConfigDict(frozen=True)

    issue_id: str
    depends_on_id: str
    type: str = "blocks"


class Issue(BaseModel):
    """One unit of work, whatever dialect it came from."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str = ""
    description: str = ""
    design: str = ""
    """How it should be done, in the issue's own words."""
    notes: str = ""
    status: str = "open"
    created: str | None = None
    updated: str | None = None
    tags: tuple[str, ...] = ()
    dk_priority: Priority = "P2"
    dk_risk: Risk = "medium"
    dk_size: Size = "M"
    dk_tool_hint: str | None = None
    dk_attempts: int = 0
    dk_speculate: bool = False
    dk_parent: str | None = None
    acceptance_criteria: tuple[str, ...] = ()
    forbidden_paths: tuple[str, ...] = ()
    context_files: tuple[str, ...] = ()
    dk_estimated_tokens: int | None = None
    issue_type: str | None = None
    dependencies: tuple[Dependency, ...] = ()
    workcell: dict[str, Any] | None = None
    """Overrides of the config's `workcell` block."""
    extra: dict[str, Any] = {}
    """Keys that the contract does not name, kept as they came."""

    @property
    def job_type(self) -> JobType:
        """`fab-world` if tagged `asset:world`, `fab-asset` if any tag starts with `asset:`, else `code`."""
        if "asset:world" in self.tags:
            return "fab-world"
        return "fab-asset" if any(tag.startswith("asset:") for tag in self.tags) else "code"

    @property
    def domain(self) -> str:
        return self.job_type.replace("-", "_")

    @property
    def is_escalation(self) -> bool:
        """Waits for a person: known to the farm, never benched."""
        return self.status == "escalated" or not ESCALATION_TAGS.isdisjoint(self.tags)

    @property
    def is_closed(self) -> bool:
        return self.status in CLOSED_STATUSES

    @property
    def is_benchable(self) -> bool:
        """Whether slices take the issue unless they say otherwise: neither closed nor waiting for a person.

        A closed issue is benched where a slice, a filter or `--issues` asks for it: with the commit it was
        reported against, a solved issue is as good a case as an open one.
        """
        return not (self.is_closed or self.is_escalation)

    def document(self) -> dict[str, Any]:
        """The issue as JSON-able data: how it is stored and handed to workers."""
        return self.model_dump(mode="json")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The issue that `document()` gave; `IntakeError` where it is none."""
        try:
            return cls.model_validate(dict(document))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise IntakeError(
                f"stored issue {document.get('id')!r}: {place}: {first['msg']}; import it again"
            ) from error

    def as_document(self) -> dict[str, Any]:
        """The issue for `issues list --json`: the contract's field names, job type and domain added."""
        return {**self.document(), "job_type": self.job_type, "domain": self.domain}
