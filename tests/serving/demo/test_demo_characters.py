"""The tab of characters in a browser: draw, see, draw anew."""

from __future__ import annotations

import numpy as np
import pytest
from demo_driver import CROSS, GALLOWS, HOOK, KINDS, ZIGZAG, moved, shown

from metazoo.serving import Client


def test_new_drawings_are_classified_as_they_are_drawn(demo):
    demo.teach()
    demo.settle()
    assert len(demo.calls("predict")) == 0
    for name, kind in zip("BCA", (CROSS, HOOK, GALLOWS), strict=True):
        demo.draw(demo.query, moved(kind, dx=0.08, scale=0.7))
        demo.verdict(name)
        demo.find(".tools button:text('Clear')").click()
        assert demo.no_answer()


def test_answers_come_before_the_pen_is_lifted(demo):
    demo.teach()
    box = demo.query.bounding_box()
    mouse = demo.page.mouse
    mouse.move(box["x"] + 60, box["y"] + 60)
    mouse.down()
    mouse.move(box["x"] + 200, box["y"] + 60, steps=8)
    demo.answered()
    mouse.up()


def test_page_adapts_once_for_each_change_of_the_examples(demo):
    # One stroke each, so that no pause parts a drawing in two changes.
    demo.teach([GALLOWS, HOOK])
    demo.settle()
    assert len(demo.calls("adapt")) == 1
    demo.draw(demo.query, HOOK)
    demo.verdict("B")
    demo.settle()
    assert len(demo.calls("adapt")) == 1
    demo.draw_example(2, ZIGZAG)
    demo.settle()
    assert len(demo.calls("adapt")) == 2
    labels = demo.calls("adapt")[-1]["support_y"]
    assert labels == [[0, 1, 2]]


def test_shown_shares_are_those_of_another_client(demo, demo_server):
    demo.teach([*KINDS[:2], ZIGZAG])
    demo.draw(demo.query, [[(0.2, 0.3), (0.8, 0.3), (0.3, 0.8)]])
    demo.answered()
    demo.settle()
    support = demo.calls("adapt")[-1]
    query = demo.calls("predict")[-1]["query_x"]
    address = f"127.0.0.1:{demo_server.rest_port}"
    with Client(address, "characters", "rest") as client:
        adapted = client.adapt(
            np.array(support["support_x"][0], np.float32),
            support["support_y"][0],
        )
        expected = adapted.predict(np.array(query[0], np.float32))[0]
    assert demo.shares == [shown(float(p)) for p in expected]


def test_page_calls_the_api_alone(demo, demo_server):
    urls = []
    demo.page.on("request", lambda request: urls.append(request.url))
    demo.page.reload()
    demo.teach()
    demo.draw(demo.query, CROSS)
    demo.verdict("B")
    root = f"http://127.0.0.1:{demo_server.rest_port}/"
    assert all(url.startswith(root) for url in urls)
    kinds = {url.removeprefix(root).partition("/")[0] for url in urls}
    assert kinds == {"", "page", "v1"}


def test_further_cards_and_boxes_appear_by_themselves(demo):
    assert demo.find(".card").count() == 3
    demo.teach()
    assert demo.find(".card").count() == 4
    assert demo.card(0).locator(".slot").count() == 2
    for count in (3, 4, 5, 5):
        demo.draw_example(0, GALLOWS)
        assert demo.card(0).locator(".slot").count() == count


def test_ten_kinds_are_the_most(demo):
    for index in range(10):
        angle = 0.3 * index
        end = (0.5 + 0.4 * np.cos(angle), 0.5 + 0.4 * np.sin(angle))
        demo.draw_example(index, [[(0.5, 0.5), end]])
    demo.settle()
    assert demo.find(".card").count() == 10
    assert demo.calls("adapt")[-1]["support_y"] == [list(range(10))]


def test_removed_example_is_forgotten(demo):
    demo.teach()
    demo.draw_example(0, ZIGZAG)
    demo.settle()
    assert demo.calls("adapt")[-1]["support_y"] == [[0, 0, 1, 2]]
    demo.card(0).locator(".remove").first.click()
    demo.settle()
    assert demo.calls("adapt")[-1]["support_y"] == [[0, 1, 2]]
    assert demo.card(0).locator(".slot").count() == 2


def test_kind_bears_the_name_it_is_given(demo):
    demo.teach()
    demo.card(1).locator(".name").fill("Plus")
    demo.draw(demo.query, CROSS)
    demo.verdict("Plus")


def test_after_a_pause_a_stroke_begins_a_new_drawing(demo):
    demo.page.clock.install()
    demo.page.reload()
    demo.teach()
    demo.page.clock.run_for(1000)
    demo.draw(demo.query, CROSS)
    demo.page.clock.run_for(1000)
    demo.verdict("B")
    demo.page.clock.run_for(2100)
    demo.draw(demo.query, HOOK)
    demo.page.clock.run_for(1000)
    demo.verdict("C")


def test_samples_can_be_tried_at_once(demo):
    demo.find("button:text('Samples')").click()
    demo.draw(demo.query, ZIGZAG)
    demo.answered()
    demo.find("button:text('Clear all')").click()
    assert demo.find(".slot.filled").count() == 0
    assert demo.no_answer()


def test_latency_and_its_median_are_shown(demo):
    demo.teach()
    demo.draw(demo.query, GALLOWS)
    demo.answered()
    demo.settle()
    count = min(20, len(demo.calls("predict")))
    answer, learning = demo.find(".times span").all_inner_texts()
    assert f"p50 of last {count}: " in answer
    assert learning.startswith("Learning ")
    assert float(answer.split()[1]) > 0


def pixels(demo, strokes, size=28):
    points = [[{"x": x, "y": y} for x, y in s] for s in strokes]
    found = demo.page.evaluate(
        """async ([strokes, size]) =>
            (await import("/page/raster.js")).pixels(strokes, size)""",
        [points, size],
    )
    return np.array(found)


def test_pixels_are_in_the_convention_of_omniglot(demo):
    found = pixels(demo, [[(0.5, 0.2), (0.5, 0.8)]])
    assert found.shape == (28, 28, 1)
    assert found.min() >= 0
    assert found.max() == 255
    ink = (255 - found[..., 0]) / 255
    # 4.7 of 105 pixels wide, 61 long and round at its ends.
    expected = (4.7 * 61 + np.pi * (4.7 / 2) ** 2) / 105**2 * 28**2
    assert ink.sum() == pytest.approx(expected, rel=0.1)
    rows, columns = np.nonzero(ink)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(13, abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(13, abs=1)


@pytest.mark.parametrize("size", [20, 28, 105])
def test_pixels_do_not_depend_on_place_or_size(demo, size):
    plain = pixels(demo, ZIGZAG, size)
    other = pixels(demo, moved(ZIGZAG, dx=-0.15, dy=0.2, scale=0.5), size)
    assert plain.shape == (size, size, 1)
    np.testing.assert_allclose(plain, other, atol=60)
    assert np.abs(plain - other).mean() < 1


def test_model_of_fixed_ways_gets_no_more_kinds(open_page, demo_server):
    demo = open_page(demo_server)

    def narrow(route):
        answer = route.fetch()
        document = answer.json()
        signatures = document["metadata"]["signature_def"]["signature_def"]
        shape = signatures["predict"]["outputs"]["probabilities"]
        shape["tensor_shape"]["dim"][-1]["size"] = "3"
        route.fulfill(response=answer, json=document)

    demo.page.route("**/characters/metadata", narrow)
    demo.page.reload()
    demo.teach()
    demo.settle()
    assert demo.find(".card").count() == 3
