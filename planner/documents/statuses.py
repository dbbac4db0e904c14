"""Statuses of work, as documents, archives and the database spell them; the other floors import them from here."""

from typing import Literal

RunStatus = Literal["success", "failed", "timeout"]
"""Of a run with a result."""
OutcomeStatus = Literal[RunStatus, "error"]
"""Of an execution; an error is a missing result, not a failure."""
RoundStatus = Literal["success", "partial", "failed", "timeout", "error"]
"""Of one toolchain → gates pass; partial: some gates passed."""
