"""The files of the demo page, by the paths that they are asked for."""

from __future__ import annotations

from importlib import resources

from metazoo.serving.server.pages import Page

INDEX = "index.html"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLE = "text/css; charset=utf-8"
# A file that is not listed is not served.
FILES = {
    INDEX: "text/html; charset=utf-8",
    "theme.css": _STYLE,
    "style.css": _STYLE,
    "phone.css": _STYLE,
    "icon.svg": "image/svg+xml",
    "answers.js": _SCRIPT,
    "api.js": _SCRIPT,
    "app.js": _SCRIPT,
    "characters.js": _SCRIPT,
    "dom.js": _SCRIPT,
    "fewshot.js": _SCRIPT,
    "groups.js": _SCRIPT,
    "ink.js": _SCRIPT,
    "latency.js": _SCRIPT,
    "link.js": _SCRIPT,
    "model.js": _SCRIPT,
    "pad.js": _SCRIPT,
    "raster.js": _SCRIPT,
    "samples.js": _SCRIPT,
    "tabs.js": _SCRIPT,
    "task.js": _SCRIPT,
    "texts.js": _SCRIPT,
}


def demo_pages() -> dict[str, Page]:
    """Reads the page whole, so that no request names a file.

    Returns:
        Path of the URL -> file.
    """
    folder = resources.files(__package__) / "page"
    return {
        "/" if name == INDEX else f"/page/{name}": Page(
            (folder / name).read_bytes(), media_type
        )
        for name, media_type in FILES.items()
    }
