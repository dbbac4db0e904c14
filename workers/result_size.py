"""Size limit of a result: how many bytes of one attempt are sent to the database."""

import json
from typing import Any, Final

from workers.result import ExecutionResult

MAX_RESULT_BYTES: Final = 8 * 2**20
"""Of its JSON text; farm.check_result refuses four times as much, in any form."""


def within_size_limit(result: ExecutionResult) -> dict[str, Any]:
    """`result` as a JSON document of at most `MAX_RESULT_BYTES`.

    A longer one becomes an infrastructure error with the same times and costs: the database would refuse it, and the
    attempt would be lost and retried, at its whole reservation.
    """
    document = result.model_dump(mode="json")
    size = len(json.dumps(document).encode())
    if size <= MAX_RESULT_BYTES:
        return document
    message = (
        f"the result has {size >> 20} MiB, more than the {MAX_RESULT_BYTES >> 20} MiB that the farm keeps"
    )
    return ExecutionResult(
        status="error",
        error_class="infra",
        message=message,
        duration_ms=result.duration_ms,
        budget_ms=result.budget_ms,
        provider_wait_ms=result.provider_wait_ms,
        micro_usd=result.micro_usd,
        micro_usd_at_least=result.micro_usd_at_least,
        cost_source=result.cost_source,
    ).model_dump(mode="json")
