"""Pages for people beside the API: whole files, known when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

# A page takes nothing from elsewhere, runs no script that is not a file of
# its own, and is shown in no other page.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Page:
    """One file of a page.

    Attributes:
        content: Its bytes.
        media_type: What they are, such as `text/css; charset=utf-8`.
    """

    content: bytes
    media_type: str


def page_response(page: Page) -> Response:
    """Makes the answer that is a file of a page.

    Args:
        page: The file.
    """
    return Response(page.content, 200, HEADERS, media_type=page.media_type)
