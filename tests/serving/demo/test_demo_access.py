"""The page by keyboard, by touch, on a phone, in the dark, at rest."""

from __future__ import annotations

import pytest
from demo_driver import CROSS, GALLOWS, HOOK

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
# Pen to the place, down, line, up.
KEYS = {
    "upright": ["ArrowUp"] * 8 + [" "] + ["ArrowDown"] * 16 + [" "],
    "level": ["ArrowLeft"] * 8 + [" "] + ["ArrowRight"] * 16 + [" "],
}


def active(page):
    return page.evaluate(
        "document.activeElement.ariaLabel ?? document.activeElement.innerText"
    )


def tab_to(page, label):
    for _ in range(40):
        if active(page).startswith(label):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {label!r} by keyboard")


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def test_everything_can_be_done_by_keyboard(demo):
    page = demo.page
    tab_to(page, "A, example 1")
    press(page, KEYS["upright"])
    tab_to(page, "B, example 1")
    press(page, KEYS["level"])
    tab_to(page, "New drawing")
    press(page, KEYS["level"])
    demo.verdict("B")
    page.locator("#spoken:text-matches('^B, ')").wait_for(state="attached")
    press(page, ["Escape"])
    assert demo.no_answer()
    press(page, ["ArrowRight"] * 4 + KEYS["upright"])
    demo.verdict("A")
    press(page, ["Backspace"])
    assert demo.no_answer()


def test_two_arrows_draw_aslant(demo):
    keyboard = demo.page.keyboard
    demo.query.focus()
    keyboard.press(" ")
    keyboard.down("ArrowRight")
    for _ in range(8):
        keyboard.press("ArrowDown")
    keyboard.up("ArrowRight")
    keyboard.press(" ")
    demo.draw_example(0, [[(0.2, 0.2), (0.8, 0.8)]])
    demo.draw_example(1, [[(0.5, 0.2), (0.5, 0.8)]])
    demo.verdict("A")


def test_arrows_choose_the_tab(demo):
    page = demo.page
    tab_to(page, "Characters")
    page.keyboard.press("ArrowRight")
    assert active(page) == "Texts"
    assert page.locator("#texts").is_visible()
    assert page.locator("#characters").is_hidden()
    page.keyboard.press("ArrowRight")
    assert page.locator("#characters").is_visible()


def test_focus_is_seen(demo):
    page = demo.page
    for label in ("Characters", "Name of A", "A, example 1", "New drawing"):
        tab_to(page, label)
        width = page.evaluate(
            "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
        )
        assert width >= 2, label


def test_focus_is_not_lost_when_an_example_goes(demo):
    demo.draw_example(0, GALLOWS)
    tab_to(demo.page, "Remove A, example 1")
    demo.page.keyboard.press("Enter")
    assert active(demo.page) == "A, example 1, empty"


def test_pads_and_inputs_have_names(demo):
    demo.draw_example(0, GALLOWS)
    demo.settle()
    nameless = demo.page.evaluate(
        """[...document.querySelectorAll("canvas[tabindex], input, button")]
            .filter((e) => e.offsetParent && !e.ariaLabel && !e.innerText)
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    label = demo.pads.first.get_attribute("aria-label")
    assert label == "A, example 1, drawn"


def touch(demo, canvas, strokes):
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    session = demo.page.context.new_cdp_session(demo.page)

    def place(x, y):
        left, top = box["x"], box["y"]
        return {"x": left + x * box["width"], "y": top + y * box["height"]}

    def send(kind, points):
        places = [place(x, y) for x, y in points]
        session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": places}
        )

    for stroke in strokes:
        send("touchStart", stroke[:1])
        for before, after in zip(stroke, stroke[1:], strict=False):
            for step in range(1, 6):
                pairs = zip(before, after, strict=True)
                send("touchMove", [[a + (b - a) * step / 5 for a, b in pairs]])
        send("touchEnd", [])


def test_phone_draws_by_touch_and_shows_the_answer(open_page, demo_server):
    demo = open_page(demo_server, **PHONE)
    for index, kind in enumerate((GALLOWS, CROSS, HOOK)):
        pad = demo.card(index).locator(".slot.pad canvas").last
        touch(demo, pad.element_handle(), kind)
    touch(demo, demo.query, CROSS)
    demo.verdict("B")
    assert not overflows(demo.page)
    for part in (demo.query, demo.find(".verdict")):
        box = part.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 740


@pytest.mark.parametrize("tab", ["characters", "texts"])
@pytest.mark.parametrize("size", [(320, 640), (360, 740), (740, 360)])
def test_phone_needs_no_sideways_scrolling(open_page, demo_server, tab, size):
    width, height = size
    viewport = {"width": width, "height": height}
    demo = open_page(demo_server, tab, **{**PHONE, "viewport": viewport})
    demo.find("button:text('Samples')").click()
    demo.settle()
    assert not overflows(demo.page)
    query = demo.query.bounding_box()
    assert query["y"] + query["height"] <= height
    small = demo.page.evaluate(
        """[...document.querySelectorAll("button, input, canvas[tabindex]")]
            .filter((e) => e.offsetParent)
            .filter((e) => Math.min(e.offsetWidth, e.offsetHeight) < 24)
            .map((e) => e.outerHTML)"""
    )
    assert small == []


def overflows(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def background(demo):
    return demo.page.evaluate("getComputedStyle(document.body).backgroundColor")


def ink(demo):
    """Darkest and lightest grey of a drawing that is seen."""
    return demo.query.evaluate(
        """(canvas) => {
            const {data} = canvas.getContext("2d").getImageData(
                0, 0, canvas.width, canvas.height);
            const seen = [];
            for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] > 250) seen.push(data[i]);
            }
            return [Math.min(...seen.slice(0, 9999)), seen.length];
        }"""
    )


def test_colours_follow_the_system(open_page, demo_server):
    demo = open_page(demo_server, color_scheme="light")
    demo.draw(demo.query, CROSS)
    light, dark_ink = background(demo), ink(demo)
    demo.page.emulate_media(color_scheme="dark")
    demo.page.wait_for_timeout(100)
    assert background(demo) != light
    light_ink = ink(demo)
    assert dark_ink[0] < 80
    assert light_ink[0] > 200
    assert light_ink[1] == pytest.approx(dark_ink[1], rel=0.05)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_motion_is_left_out_for_who_wants_none(open_page, demo_server, motion):
    demo = open_page(demo_server, reduced_motion=motion)
    demo.teach()
    fill = demo.find(".fill").first
    fill.wait_for(state="attached")
    seconds = fill.evaluate("e => getComputedStyle(e).transitionDuration")
    assert (seconds == "0s") == (motion == "reduce")
