"""The document `cyntra.bench_notice.v1`: a notice as receivers get it."""

import json
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from db.repositories.notice_settings import NoticeSettings
from db.repositories.notices import ClaimedDelivery
from planner.system.clock import rfc3339

SCHEMA_VERSION: Final = "cyntra.bench_notice.v1"
_PAGES: Final = {"cap_reached": "farm", "cap_warning": "farm", "machine_suspended": "machines"}


def notice_document(delivery: ClaimedDelivery, settings: NoticeSettings) -> dict[str, Any]:
    """The notice as JSON values; `link` is null where no address of the page is configured."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": delivery.notice_id,
        "kind": delivery.kind,
        "at": rfc3339(delivery.at),
        "bench": delivery.bench_id,
        "subject": delivery.subject,
        "text": delivery.text,
        "link": _link(settings, _path(delivery)),
    }


def test_document(now: datetime, settings: NoticeSettings) -> dict[str, Any]:
    """A notice of kind `test`, with an id of its own."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": f"msg_{uuid4().hex}",
        "kind": "test",
        "at": rfc3339(now),
        "bench": None,
        "subject": "a test notice of the farm",
        "text": "Nothing happened: bench notices test sent this.",
        "link": _link(settings, ""),
    }


def body_of(document: dict[str, Any]) -> bytes:
    """The bytes that are sent and signed."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _path(delivery: ClaimedDelivery) -> str:
    """The page of a notice, as the page's routes name it."""
    if delivery.bench_id is None:
        return _PAGES.get(delivery.kind, "")
    pages = "streams" if delivery.kind == "stream_starving" else "benches"
    return f"{pages}/{quote(delivery.bench_id, safe='')}"


def _link(settings: NoticeSettings, path: str) -> str | None:
    return None if settings.page_url is None else f"{settings.page_url.rstrip('/')}/{path}"
