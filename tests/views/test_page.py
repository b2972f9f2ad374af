"""The page in a browser without a window, where playwright and a Chromium are installed."""

from __future__ import annotations

import os
import shutil

import pytest

import graphflow as tf
from graphflow.views.layout import layout_diagram
from graphflow.views.page import page_text
from graphflow.views.scopes import Box, make_diagram, opened_boxes

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser's test needs playwright")

NAME = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = shutil.which("chromium") or shutil.which("google-chrome")
        path = own if os.path.exists(own) else found
        if path is None:
            pytest.skip("no Chromium is installed")
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def drawing():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 4], name="x")
        with tf.name_scope("outer"), tf.name_scope("inner"):
            y = tf.nn.softmax(tf.matmul(x, tf.ones([4, 3])), name="y")
        loop = tf.while_loop(lambda i, v: i < 3, lambda i, v: [i + 1, v * 2.0], [0, y])[1]
        yield tf.draw(tf.reduce_sum(loop, name="sum"))


@pytest.fixture
def opened(browser, tmp_path):
    pages = []

    def open_page(text, scheme="light"):
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme=scheme)
        page.wrong = []
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("console", lambda message: page.wrong.append(message.text))
        page.on(
            "request", lambda r: None if r.url.startswith("file:") else page.wrong.append(r.url)
        )
        page.goto((tmp_path / "page.html").as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        assert page.wrong == []
        page.close()


def box_of(page, name, stage="graph"):
    number = page.evaluate(f"data.views.{stage}.boxes.findIndex(b => b.name === {name!r})")
    return page.locator(f'svg [data-box="{number}"]')


def test_fold_unfold_search_and_select(opened, drawing):
    page = opened(drawing.html())
    page.click("#fold")
    assert box_of(page, "outer/inner/y").count() == 0
    page.locator("svg .fold").first.click()
    assert box_of(page, "outer/inner").count() == 1
    page.fill("#search", "inner/y")
    page.press("#search", "Enter")
    box = box_of(page, "outer/inner/y")
    assert "selected" in box.get_attribute("class")
    details = page.inner_text("#details")
    assert "Softmax" in details
    assert "kernel" in details
    assert "test_page.py" in details
    assert page.locator("svg path.lit").count() >= 2
    frame = page.locator("#picture").bounding_box()
    place = box.bounding_box()
    assert frame["x"] < place["x"] < frame["x"] + frame["width"]
    page.locator("#details a").first.click()
    assert "selected" not in box_of(page, "outer/inner/y").get_attribute("class")


def test_zoom_and_pan(opened, drawing):
    page = opened(drawing.html())
    before = page.get_attribute("#world", "transform")
    page.mouse.move(400, 400)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"byId('world').getAttribute('transform') !== {before!r}")
    zoomed = page.evaluate("[state.x, state.y]")
    page.mouse.down()
    page.mouse.move(450, 430, steps=3)
    page.mouse.up()
    moved = page.evaluate("[state.x, state.y]")
    assert moved == pytest.approx([zoomed[0] + 50, zoomed[1] + 30])
    page.click("#fit")
    assert page.get_attribute("#world", "transform") == before


def test_the_picture_fits_until_it_is_moved(opened, drawing):
    page = opened(drawing.html())
    page.set_viewport_size({"width": 700, "height": 500})
    page.wait_for_function("state.scale < 1.3 && state.x + layout.width * state.scale < 700")
    page.keyboard.press("+")
    moved = page.get_attribute("#world", "transform")
    page.set_viewport_size({"width": 1200, "height": 800})
    page.wait_for_timeout(100)
    assert page.get_attribute("#world", "transform") == moved


def test_stages_colours_and_memory(opened, drawing):
    page = opened(drawing.html(), "dark")
    for stage in ("program", "kernels", "graph"):
        page.get_by_role("tab", name=stage).click()
        assert page.locator("svg .box").count() > 2
        for scheme in ("cost", "kernel", "device", "kind"):
            page.select_option("#scheme", scheme)
            assert page.locator("#legend i").count() > 0
    page.get_by_role("tab", name="memory").click()
    plans = [drawing.plan, *drawing.plan["inner"]]
    assert page.locator("svg rect.slot").count() == sum(len(plan["slots"]) for plan in plans)


def test_names_are_text_in_the_page(opened):
    leaves = [(NAME, Box(f"{NAME}/{NAME}", NAME, "op", NAME, {"made at": NAME}))]
    page = opened(page_text(NAME, {"graph": make_diagram(NAME, leaves, [])}, "graph"))
    page.fill("#search", "img")
    page.press("#search", "Enter")
    assert NAME in page.inner_text("#details")
    assert page.locator("img").count() == 0
    assert page.title() == NAME


def test_an_empty_graph(opened):
    page = opened(page_text("empty", {"graph": make_diagram("empty", [], [])}, "graph"))
    assert "nothing to draw" in page.text_content("#picture")


def test_the_script_places_boxes_as_python_does(opened, drawing):
    page = opened(page_text("", {"graph": drawing.diagram()}, "graph", depth=9))
    diagram = drawing.diagram()
    layout = layout_diagram(diagram, opened_boxes(diagram, 9, 1000))
    places = page.evaluate("[...layout.boxes].map(([n, p]) => [n, p.x, p.y])")
    numbers = list(diagram.root.boxes())
    assert len(places) == len(layout.boxes)
    for number, x, y in places:
        place = layout.boxes[numbers[number]]
        assert (x, y) == pytest.approx((place.x, place.y), abs=3)  # widths are rounded there
