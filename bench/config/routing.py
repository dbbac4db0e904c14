"""Routing rules: the toolchains and the parallelism of the issues that match."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Self

import re2
from pydantic import Field, field_validator, model_validator

from bench.intake.issue import Issue
from planner.documents.base import Risk, Size
from workers.spec import Strict

Tags = Annotated[list[str], Field(min_length=1)]


class Match(Strict):
    """A conjunction of conditions on an issue; a key that is not given matches all issues."""

    dk_risk: Annotated[list[Risk], Field(min_length=1)] | None = None
    dk_size: Annotated[list[Size], Field(min_length=1)] | None = None
    dk_tool_hint: Annotated[list[str], Field(min_length=1)] | None = None
    tags_any: Tags | None = None
    tags_all: Tags | None = None
    title_pattern: str | None = None
    """A case-insensitive RE2 regular expression, searched for in the title. RE2 matches in linear time for every
    pattern, and so has no look-around and no back-references."""

    @field_validator("dk_risk", "dk_size", "dk_tool_hint", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("title_pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                _compiled(value)
            except re2.error as error:
                raise ValueError(f"not a regular expression of RE2: {error.args[0].decode()}") from error
        return value

    def holds(self, issue: Issue) -> bool:
        """Whether the issue meets all conditions."""
        tags = set(issue.tags)
        return (
            (self.dk_risk is None or issue.dk_risk in self.dk_risk)
            and (self.dk_size is None or issue.dk_size in self.dk_size)
            and (self.dk_tool_hint is None or issue.dk_tool_hint in self.dk_tool_hint)
            and (self.tags_any is None or not tags.isdisjoint(self.tags_any))
            and (self.tags_all is None or tags.issuperset(self.tags_all))
            and (self.title_pattern is None or _matches(self.title_pattern, issue.title))
        )


def _matches(pattern: str, title: str) -> bool:
    # JSON can hold a lone surrogate, which UTF-8, and so RE2, cannot encode.
    text = title.encode(errors="replace").decode()
    return _compiled(pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile(pattern, options)


class Rule(Strict):
    """A routing rule for the issues that match."""

    match: Match = Match()
    use: Annotated[list[str], Field(min_length=1)] | None = None
    """Names of toolchains of the workcell; null: all of them."""
    speculate: bool | None = None
    parallelism: Annotated[int, Field(ge=1, le=3)] | None = None
    """Number of candidates where `speculate` is true."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.use is None and self.speculate is None and self.parallelism is None:
            raise ValueError("a rule needs use, speculate or parallelism")
        if self.parallelism is not None and self.parallelism > 1 and not self.speculate:
            raise ValueError("parallelism above 1 needs speculate: true")
        return self


def first_match(rules: Sequence[Rule], issue: Issue) -> Rule | None:
    """The first matching rule in the order of the file, or None."""
    return next((rule for rule in rules if rule.match.holds(issue)), None)
