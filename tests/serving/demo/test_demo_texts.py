"""The tab of texts in a browser: write, see, write anew."""

from __future__ import annotations

import pytest
from demo_driver import shown

from metazoo.serving import Client

TEXTS = ["rain and wind", "my piano", "a loan from the bank"]
QUERY = "snow and thunder soon"


def teach(demo, texts=TEXTS):
    for index, text in enumerate(texts):
        demo.write_example(index, text)


def test_shown_shares_are_those_of_another_client(demo_texts, demo_server):
    teach(demo_texts)
    demo_texts.write_example(0, "a storm")
    demo_texts.query.fill(QUERY)
    demo_texts.answered()
    demo_texts.settle()
    assert demo_texts.calls("adapt")[-1] == {
        "support_x": [[TEXTS[0], "a storm", *TEXTS[1:]]],
        "support_y": [[0, 0, 1, 2]],
    }
    assert demo_texts.calls("predict")[-1]["query_x"] == [[QUERY]]
    address = f"127.0.0.1:{demo_server.rest_port}"
    with Client(address, "texts", "rest") as client:
        adapted = client.adapt([TEXTS[0], "a storm", *TEXTS[1:]], [0, 0, 1, 2])
        expected = adapted.predict([QUERY])[0][:3]
    assert demo_texts.shares == [shown(float(p)) for p in expected]


def test_answers_follow_while_one_types(demo_texts):
    teach(demo_texts)
    demo_texts.query.press_sequentially("piano and", delay=30)
    demo_texts.answered()
    demo_texts.settle()
    asked = [c["query_x"][0][0] for c in demo_texts.calls("predict")]
    assert len(asked) > 1
    assert asked[-1] == "piano and"


def test_texts_of_all_scripts_are_sent_as_they_are(demo_texts):
    teach(demo_texts, ["Schnee und Eis", "猫が好き", 'say "hi" \\ 😀'])
    demo_texts.query.fill("Ελλάδα 😀")
    demo_texts.answered()
    demo_texts.settle()
    sent = demo_texts.calls("adapt")[-1]["support_x"][0]
    assert sent == ["Schnee und Eis", "猫が好き", 'say "hi" \\ 😀']
    assert demo_texts.calls("predict")[-1]["query_x"] == [["Ελλάδα 😀"]]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("   ", "Only spaces"),
        ("a" * 65_537, "65,537 bytes long; at most 65,536"),
        ("\ud83d", "not valid Unicode"),
    ],
)
def test_faulty_text_is_told_and_not_sent(demo_texts, text, note):
    teach(demo_texts)
    demo_texts.settle()
    before = len(demo_texts.sent)
    demo_texts.query.evaluate(
        """(input, units) => {
            const part = (start) =>
                String.fromCharCode(...units.slice(start, start + 9999));
            let text = "";
            for (let i = 0; i < units.length; i += 9999) text += part(i);
            input.value = text;
            input.dispatchEvent(new InputEvent("input"));
        }""",
        [ord(letter) for letter in text],
    )
    demo_texts.note(note)
    assert demo_texts.query.get_attribute("aria-invalid") == "true"
    demo_texts.settle()
    assert len(demo_texts.sent) == before
    demo_texts.query.fill(QUERY)
    demo_texts.answered()


def test_faulty_example_is_left_out(demo_texts):
    teach(demo_texts)
    demo_texts.write_example(1, "  ")
    demo_texts.note("B, example 2: Only spaces")
    demo_texts.settle()
    assert demo_texts.calls("adapt")[-1]["support_x"] == [TEXTS]


def test_emptied_line_goes_away(demo_texts):
    teach(demo_texts)
    lines = demo_texts.card(0).locator(".slot.line input")
    assert lines.count() == 2
    lines.first.fill("")
    demo_texts.query.focus()
    assert lines.count() == 1


def test_samples_can_be_tried_at_once(demo_texts):
    demo_texts.find("button:text('Samples')").click()
    demo_texts.query.fill("when does my flight leave")
    demo_texts.answered()
    kinds = demo_texts.find(".bars .kind").all_inner_texts()
    assert kinds == ["Travel", "Money", "Kitchen"]


def test_tabs_keep_what_was_made(demo_texts):
    teach(demo_texts)
    demo_texts.page.click("#tab-characters")
    assert demo_texts.query.is_hidden()
    demo_texts.page.click("#tab-texts")
    first = demo_texts.card(0).locator("input").nth(1)
    assert first.input_value() == TEXTS[0]
