"""Images written and read again, in all formats."""

import io

import numpy as np
import pytest

import graphflow as tf

pillow = pytest.importorskip("PIL.Image")

SMOOTH = np.add.outer(np.arange(24), 3 * np.arange(32))[..., None] + np.array([0, 40, 80])
IMAGE = SMOOTH.astype(np.uint8)


def run(fetches, feed=None):
    with tf.Session() as session:
        return session.run(fetches, feed)


def test_png_is_exact():
    images = [IMAGE[..., :1], IMAGE[..., :2], IMAGE, np.dstack([IMAGE, IMAGE[..., 0]])]
    texts = [tf.image.encode_png(image) for image in images]
    for image, found in zip(images, run([tf.image.decode_png(t) for t in texts]), strict=True):
        np.testing.assert_array_equal(found, image)
    wide = IMAGE[..., :1].astype(np.uint16) * 200
    text = tf.image.encode_png(tf.constant(wide))
    full, cut = run([tf.image.decode_png(text, dtype=tf.uint16), tf.image.decode_image(text)])
    np.testing.assert_array_equal(full, wide)
    np.testing.assert_array_equal(cut, wide >> 8)
    gray, any_image = run([tf.image.decode_png(texts[2], 1), tf.image.decode_image(texts[2])])
    assert gray.shape == (24, 32, 1)
    np.testing.assert_array_equal(any_image, IMAGE)


def test_jpeg():
    text = run(tf.image.encode_jpeg(IMAGE, quality=95))
    contents = tf.placeholder(tf.string, [])
    fetches = [
        tf.image.decode_jpeg(contents), tf.image.decode_jpeg(contents, channels=1),
        tf.image.decode_jpeg(contents, ratio=2), tf.image.extract_jpeg_shape(contents),
        tf.image.is_jpeg(contents), tf.image.decode_and_crop_jpeg(contents, [2, 3, 5, 7]),
        tf.image.decode_image(contents, dtype=tf.float32),
    ]  # fmt: skip
    found = run(fetches, {contents: text})
    assert np.abs(found[0].astype(int) - IMAGE).max() < 25
    assert [f.shape for f in found[1:3]] == [(24, 32, 1), (12, 16, 3)]
    assert found[3].tolist() == [24, 32, 3]
    assert found[4]
    np.testing.assert_array_equal(found[5], found[0][2:7, 3:10])
    np.testing.assert_allclose(found[6], found[0] / np.float32(255), rtol=1e-6)
    assert run(tf.image.adjust_jpeg_quality(IMAGE, 50)).shape == IMAGE.shape


def test_gif_and_bmp():
    target = io.BytesIO()
    frames = [pillow.fromarray(np.full((4, 5, 3), v, np.uint8)) for v in (0, 255)]
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    gif = target.getvalue()
    all_frames, first = run(
        [tf.image.decode_gif(gif), tf.image.decode_image(gif, expand_animations=False)]
    )
    np.testing.assert_array_equal(all_frames[:, 0, 0, 0], [0, 255])
    assert first.shape == (4, 5, 3)
    target = io.BytesIO()
    pillow.fromarray(IMAGE).save(target, "BMP")
    np.testing.assert_array_equal(run(tf.image.decode_bmp(target.getvalue())), IMAGE)


def test_truncated_files():
    png, jpeg = run([tf.image.encode_png(IMAGE), tf.image.encode_jpeg(IMAGE)])
    for decode, text in (
        (tf.image.decode_png, png[:60]), (tf.image.decode_jpeg, jpeg[:200]),
        (tf.image.decode_bmp, b"BMxx"), (tf.image.decode_image, b""),
    ):  # fmt: skip
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(decode(text))


def test_an_image_too_large_to_be_meant():
    target = io.BytesIO()
    pillow.fromarray(IMAGE).save(target, "GIF")
    text = bytearray(target.getvalue())
    text[6:10] = b"\xff" * 4  # width and height
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid GIF data"):
        run(tf.image.decode_gif(bytes(text)))


def test_ms_ssim_of_equal_images_is_one():
    image = np.random.default_rng(0).random((1, 31, 27, 1)).astype(np.float32)
    noise = np.clip(image + 0.1 * np.random.default_rng(1).random(image.shape), 0, 1)
    same, other = run([tf.image.ssim_multiscale(image, x, 1.0, (0.4, 0.6)) for x in (image, noise)])
    np.testing.assert_allclose(same, 1, rtol=1e-5)
    assert 0.9 < other[0] < 1


def test_a_gray_bitmap_is_read_without_its_colour_table() -> None:
    head = bytearray(54)
    head[0:2], head[10], head[18], head[22], head[28] = b"BM", 54, 2, 2, 8
    content = bytes(head) + bytes([1, 2, 0, 0, 3, 4, 0, 0])  # rows of four bytes, from below
    np.testing.assert_array_equal(run(tf.image.decode_bmp(content))[..., 0], [[3, 4], [1, 2]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not match bits per pixel"):
        run(tf.image.decode_bmp(content, channels=3))
