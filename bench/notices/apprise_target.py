"""Delivery through apprise, an extra, to the services that it knows."""

import threading
from typing import Final

from bench.notices.errors import NoticeError
from bench.notices.post import Reply

SECONDS: Final = 30.0
_MISSING: Final = (
    "apprise is not installed; install it where notices are sent: pip install 'bench-farm[apprise]'"
)


def check_installed() -> None:
    """Raises `NoticeError` where the extra is not installed."""
    try:
        import apprise  # noqa: F401
    except ImportError:
        raise NoticeError(_MISSING) from None


def notify(url: str, where: str, subject: str, text: str, seconds: float = SECONDS) -> Reply:
    """Send a message through the service of an apprise URL.

    Apprise reports success or failure alone, which become the statuses 200 and 0. Redirects are not followed.

    Raises: `NoticeError` where apprise is not installed, or `url`, of `where`, is none that it knows.
    """
    check_installed()
    from apprise import Apprise, AppriseAsset, NotifyFormat

    # Its own texts would interpret {variables} and escapes.
    service = Apprise(asset=AppriseAsset(app_id="bench-farm", http_redirects=False, interpret_escapes=False))
    if not service.add(url):
        raise NoticeError(f"{where} is no address that apprise knows; see its list of services")
    results: list[bool] = []

    def send() -> None:
        results.append(bool(service.notify(body=text, title=subject, body_format=NotifyFormat.TEXT)))

    # In a thread that is abandoned when it takes too long: apprise limits each read, not the whole exchange.
    thread = threading.Thread(target=send, name="apprise", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return Reply(0, f"apprise did not end within {seconds:g} s")
    if results == [True]:
        return Reply(200, "accepted by apprise")
    return Reply(0, "apprise could not deliver it; see the log of the process that sends")
