"""The issue model, with the field names of the contract."""

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
    """A typed edge of the dependency graph: `issue_id` waits for `depends_on_id`."""

    model_config = ConfigDict(frozen=True)

    issue_id: str
    depends_on_id: str
    type: str = "blocks"


class Issue(BaseModel):
    """One unit of work, independent of the dialect that it was imported from."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str = ""
    description: str = ""
    design: str = ""
    """How it should be done, as the issue describes it."""
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
    """Keys that the contract does not name, kept unchanged."""

    @property
    def job_type(self) -> JobType:
        """`fab-world` if tagged `asset:world`, `fab-asset` if any tag starts with `asset:`, else `code`."""
        if "asset:world" in self.tags:
            return "fab-world"
        return "fab-asset" if any(tag.startswith("asset:") for tag in self.tags) else "code"

    @property
    def domain(self) -> str:
        """The job type with underscores, as the contract's `domain`."""
        return self.job_type.replace("-", "_")

    @property
    def is_escalation(self) -> bool:
        """Whether it waits for a person: such an issue is stored but never benched."""
        return self.status == "escalated" or not ESCALATION_TAGS.isdisjoint(self.tags)

    @property
    def is_closed(self) -> bool:
        """Whether the status is one of `CLOSED_STATUSES`."""
        return self.status in CLOSED_STATUSES

    @property
    def is_benchable(self) -> bool:
        """Whether slices include the issue by default: neither closed nor waiting for a person.

        A closed issue is benched where a slice, a filter or `--issues` requests it: with the commit it was
        reported against, a solved issue is as good a case as an open one.
        """
        return not (self.is_closed or self.is_escalation)

    def document(self) -> dict[str, Any]:
        """The issue as JSON-able data, as it is stored and sent to workers."""
        return self.model_dump(mode="json")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `document()`.

        Raises: `IntakeError` where the document is no issue.
        """
        try:
            return cls.model_validate(dict(document))
        except ValidationError as error:
            first = error.errors()[0]
            location = ".".join(str(part) for part in first["loc"])
            raise IntakeError(
                f"stored issue {document.get('id')!r}: {location}: {first['msg']}; import it again"
            ) from error

    def as_document(self) -> dict[str, Any]:
        """The issue for `issues list --json`: the contract's field names, job type and domain added."""
        return {**self.document(), "job_type": self.job_type, "domain": self.domain}
