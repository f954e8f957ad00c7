"""The page in a browser when something is amiss: input, answers, server."""

from __future__ import annotations

import re
import time

import pytest
from demo_driver import CROSS, GALLOWS, HOOK, KINDS, OUTAGE, ZIGZAG

PREDICT = "**/v1/models/*:predict"


def refuse(demo, message, signature="predict"):
    """Has the server refuse a signature, as far as the page can tell."""

    def answer(route):
        if f'"{signature}"' in route.request.post_data:
            route.fulfill(status=400, json={"error": message})
        else:
            route.continue_()

    demo.page.route(PREDICT, answer)


def test_a_dot_is_no_example(demo):
    demo.teach(KINDS[:2])
    demo.draw_example(2, [[(0.5, 0.5), (0.505, 0.5)]])
    demo.note("C, example 1: That is only a dot")
    assert demo.card(2).locator(".faulty").count() == 1
    demo.settle()
    assert demo.calls("adapt")[-1]["support_y"] == [[0, 1]]
    demo.draw(demo.query, CROSS)
    demo.verdict("B")


def test_one_kind_is_too_few(demo):
    demo.note("at least two characters")
    demo.draw_example(0, GALLOWS)
    demo.draw(demo.query, GALLOWS)
    demo.settle()
    demo.note("at least two characters")
    assert demo.sent == []
    demo.draw_example(1, CROSS)
    demo.verdict("A")


def test_refused_request_is_told_and_the_next_one_asked(demo):
    refuse(demo, "no such luck")
    demo.teach()
    demo.draw(demo.query, CROSS)
    demo.note("The server says: no such luck")
    assert demo.no_answer()
    demo.page.unroute(PREDICT)
    demo.find(".tools button:text('Clear')").click()
    demo.draw(demo.query, CROSS)
    demo.verdict("B")
    assert demo.find(".note").inner_text() == ""


def test_refused_examples_are_told(demo):
    refuse(demo, "too many cooks", "adapt")
    demo.teach()
    demo.note("too many cooks")
    demo.page.unroute(PREDICT)
    demo.draw_example(0, ZIGZAG)
    demo.draw(demo.query, HOOK)
    demo.verdict("C")


@pytest.mark.parametrize("signature", ["adapt", "predict"])
def test_numbers_that_are_none_are_told(demo, signature):
    def spoil(route):
        answer = route.fetch()
        if f'"{signature}"' not in route.request.post_data:
            return route.fulfill(response=answer)
        body = re.sub(r"-?\d+\.\d+(e-?\d+)?", "NaN", answer.text())
        return route.fulfill(response=answer, body=body)

    demo.page.route(PREDICT, spoil)
    demo.teach()
    demo.draw(demo.query, CROSS)
    demo.note("The model can't")
    assert demo.no_answer()


def hold_first(demo):
    """Keeps the next request from the server until a test lets it go."""
    held = []

    def hold(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    demo.page.route(PREDICT, hold)
    return held


def test_answer_to_what_is_gone_is_dropped(demo):
    demo.teach()
    demo.settle()
    held = hold_first(demo)
    demo.draw(demo.query, CROSS)
    demo.page.wait_for_timeout(200)
    demo.find(".tools button:text('Clear')").click()
    held[0].continue_()
    demo.settle()
    assert len(demo.calls("predict")) == 1
    assert demo.no_answer()


def test_what_was_overtaken_is_never_sent(demo):
    demo.teach()
    demo.settle()
    held = hold_first(demo)
    demo.draw(demo.query, [*CROSS, *ZIGZAG, *HOOK])
    demo.page.wait_for_timeout(200)
    assert len(demo.calls("predict")) == 1
    held[0].continue_()
    demo.settle()
    assert len(demo.calls("predict")) == 2
    demo.answered()


def test_answer_that_is_no_json_is_told(demo):
    demo.page.route(PREDICT, lambda route: route.fulfill(body="<html>"))
    demo.teach()
    demo.note("no JSON")


def test_page_outlives_its_server(open_page, start_demo):
    with start_demo(["characters"]) as server:
        port = server.rest_port
        demo = open_page(server)
        demo.teach()
        demo.draw(demo.query, CROSS)
        demo.verdict("B")
    demo.find(".tools button:text('Clear')").click()
    demo.draw(demo.query, HOOK)
    outage = demo.page.locator("#outage")
    outage.filter(has_text=OUTAGE).wait_for()
    assert demo.page.locator("#state").inner_text() == "Server gone"
    assert "Next try in" in outage.inner_text()
    with start_demo(["characters"], port):
        demo.verdict("C", timeout=20_000)
        assert outage.is_hidden()
        assert demo.page.locator("#state").inner_text() == "Connected"
        assert demo.card(0).locator(".filled").count() == 1


def test_tries_become_rarer(demo):
    asked = []

    def abort(route):
        asked.append(time.monotonic())
        route.abort()

    demo.teach()
    demo.settle()
    demo.page.route("**/v1/**", abort)
    demo.draw(demo.query, CROSS)
    demo.page.wait_for_timeout(3000)
    pauses = [b - a for a, b in zip(asked, asked[1:], strict=False)]
    assert 2 <= len(pauses) <= 5
    assert pauses[-1] > pauses[0]
    demo.page.unroute("**/v1/**")
    demo.verdict("B", timeout=15_000)


def test_outage_is_seen_wherever_one_is_and_moves_nothing(
    open_page, demo_server
):
    phone = {"width": 360, "height": 740}
    demo = open_page(demo_server, viewport=phone)
    demo.teach()
    demo.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    places = demo.query.bounding_box(), demo.card(2).bounding_box()
    demo.page.route("**/v1/**", lambda route: route.abort())
    demo.draw(demo.query, CROSS)
    outage = demo.page.locator("#outage")
    outage.filter(has_text=OUTAGE).wait_for()
    box = outage.bounding_box()
    assert 0 <= box["y"] <= box["y"] + box["height"] < 60
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
    assert (demo.query.bounding_box(), demo.card(2).bounding_box()) == places


def test_idle_page_notices_that_the_server_is_gone(open_page, start_demo):
    with start_demo(["characters"]) as server:
        demo = open_page(server)
    demo.page.locator("#outage").filter(has_text=OUTAGE).wait_for()


def test_page_without_a_text_model_says_so(open_page, start_demo):
    with start_demo(["characters"]) as server:
        demo = open_page(server, "texts")
        demo.find("h2:text('No text model is served')").wait_for()


def test_model_of_another_kind_is_not_used(open_page, demo_server):
    demo = open_page(demo_server)

    def other(route):
        url = route.request.url.replace("characters", "texts")
        route.fulfill(response=route.fetch(url=url))

    demo.page.route("**/characters/metadata", other)
    demo.page.reload()
    demo.find(".notice").filter(has_text="can't be used").wait_for()
