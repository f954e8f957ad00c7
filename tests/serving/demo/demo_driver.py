"""Drives the demo page as a person would, in a browser."""

from __future__ import annotations

import json
import shutil
import time

# Rough made-up characters: strokes of points, in shares of the pad.
GALLOWS = [[(0.3, 0.8), (0.3, 0.2), (0.7, 0.2), (0.7, 0.45)]]
CROSS = [[(0.2, 0.5), (0.8, 0.5)], [(0.5, 0.2), (0.5, 0.8)]]
HOOK = [[(0.7, 0.3), (0.5, 0.2), (0.3, 0.4), (0.3, 0.6), (0.5, 0.8)]]
ZIGZAG = [[(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)]]
KINDS = [GALLOWS, CROSS, HOOK]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Longer than the page waits for further changes.
QUIET_SECONDS = 0.35
OUTAGE = "The server is gone"


def browser_path():
    return next(filter(None, map(shutil.which, NAMES)), None)


def moved(strokes, dx=0.0, dy=0.0, scale=1.0):
    return [
        [
            (0.5 + (x - 0.5) * scale + dx, 0.5 + (y - 0.5) * scale + dy)
            for x, y in stroke
        ]
        for stroke in strokes
    ]


class DemoPage:
    """One tab of a page that is open."""

    def __init__(self, page, tab="characters"):
        self.page = page
        self.tab = tab
        self.sent = []
        self._under_way = 0
        self._busy = time.monotonic()
        page.on("request", self._note)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def _ended(self, request):
        self._under_way -= 1
        self._busy = time.monotonic()

    def _note(self, request):
        self._under_way += 1
        if request.url.endswith(":predict"):
            body = json.loads(request.post_data)
            self.sent.append((body["signature_name"], body["inputs"]))

    def calls(self, signature):
        return [inputs for name, inputs in self.sent if name == signature]

    def find(self, selector):
        return self.page.locator(f"#{self.tab} {selector}")

    @property
    def pads(self):
        return self.find(".slot.pad canvas")

    @property
    def query(self):
        return self.find(".query .ask").locator("canvas, input")

    def card(self, index):
        return self.find(".card").nth(index)

    def stroke(self, canvas, points):
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        places = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"])
            for x, y in points
        ]
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=5)
        mouse.up()

    def draw(self, canvas, strokes):
        for points in strokes:
            self.stroke(canvas, points)

    def draw_example(self, card, strokes):
        """On the empty pad of a card; a pause lets no two strokes mix."""
        pad = self.card(card).locator(".slot.pad canvas").last
        handle = pad.element_handle()
        for points in strokes:
            self.stroke(handle, points)

    def teach(self, kinds=KINDS):
        for index, strokes in enumerate(kinds):
            self.draw_example(index, strokes)

    def write_example(self, card, text):
        self.card(card).locator(".slot.line input").last.fill(text)

    def verdict(self, name, timeout=10_000):
        """Waits until the page takes the query for a kind."""
        best = self.find(".bars .best .kind")
        best.and_(self.page.locator(f".kind:text-is('{name}')")).wait_for(
            state="attached", timeout=timeout
        )

    def answered(self):
        self.find(".bars .best").first.wait_for(state="attached")

    def no_answer(self):
        return self.find(".bars .best").count() == 0

    def note(self, text):
        self.find(".note").filter(has_text=text).wait_for()

    @property
    def shares(self):
        return self.find(".bars .share").all_inner_texts()

    def settle(self):
        """Until nothing is under way and nothing waits to be sent."""
        self._busy = time.monotonic()
        while self._under_way or time.monotonic() < self._busy + QUIET_SECONDS:
            self.page.wait_for_timeout(50)


def shown(probability):
    """A probability as the page writes it."""
    if 0.99 < probability < 1:
        return "> 99 %"
    if 0 < probability < 0.01:
        return "< 1 %"
    return f"{int(100 * probability + 0.5)} %"
