"""Small programs of images, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
their run gives, `FAILURES` by how their run fails.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 5, 6, 3], name='x'); y = tf.placeholder(tf.uint8, [5, 6, 3], name='y'); u = tf.placeholder(tf.uint8, [None, None, 3], name='u'); z = tf.placeholder(tf.float32, name='z')
I = tf.image
"""

SCENARIOS = {
    "names": """
I.resize_bilinear(x, [3, 4]); I.resize_images(x, [3, 4]); I.flip_left_right(y); I.adjust_contrast(x, 2.); I.adjust_brightness(y, .1); I.rgb_to_hsv(x); I.adjust_hue(x, .1); I.adjust_saturation(y, .5); I.convert_image_dtype(y, tf.float32); I.rgb_to_grayscale(x); I.transpose_image(y)
""",
    "shapes": """
note(I.resize_images(y, [3, 4]).shape, I.resize_images(u, [3, 4]).shape, I.resize_images(x, [5, 6]).dtype, I.resize_images(x, [3, 12], preserve_aspect_ratio=True).shape, I.resize_nearest_neighbor(x, [2, 2]).dtype, I.resize_area(x, tf.placeholder(tf.int32, [2])).shape)
note(I.crop_to_bounding_box(y, 1, 2, 3, 4).shape, I.crop_to_bounding_box(u, 1, 2, 3, 4).shape, I.pad_to_bounding_box(x, 1, 2, 8, 9).shape, I.resize_image_with_crop_or_pad(u, 7, 3).shape, I.central_crop(y, .5).shape, I.central_crop(u, .5).shape, I.flip_up_down(z).shape, I.random_flip_left_right(u).shape, I.rot90(y).shape, I.transpose_image(u).shape, I.per_image_standardization(y).dtype, I.grayscale_to_rgb(x[..., :1]).shape, I.rgb_to_grayscale(u).shape)
note(I.crop_and_resize(x, [[0., 0., 1., 1.]], [0], [2, 3]).shape, I.extract_glimpse(x, [2, 3], tf.zeros([2, 2])).shape, I.non_max_suppression(tf.zeros([4, 4]), tf.zeros([4]), 3).shape, I.draw_bounding_boxes(x, tf.zeros([2, 1, 4])).shape, *[t.shape for t in I.sample_distorted_bounding_box([5, 6, 3], tf.zeros([1, 1, 4]))])
note(I.psnr(x, x, 1.).shape, I.total_variation(x).shape, I.sobel_edges(x).shape, *[t.shape for t in I.image_gradients(x)])
s = tf.placeholder(tf.string, [])
note(I.decode_jpeg(s).shape, I.decode_jpeg(s, channels=3).shape, I.decode_png(s, channels=1, dtype=tf.uint16).dtype, I.decode_gif(s).shape, I.decode_bmp(s).shape, I.decode_image(s).shape, I.encode_jpeg(y).shape, I.encode_png(y).dtype, I.extract_jpeg_shape(s).shape, I.is_jpeg(s).dtype)
fails(lambda: I.resize_images(y[0], [2, 2]), lambda: I.resize_images(y, [2, 2, 2]), lambda: I.crop_to_bounding_box(y, 3, 0, 3, 3), lambda: I.crop_to_bounding_box(y, -1, 0, 3, 3), lambda: I.pad_to_bounding_box(y, 3, 0, 3, 3), lambda: I.central_crop(y, 0.), lambda: I.random_hue(x, .6), lambda: I.random_contrast(x, 2., 1.), lambda: I.random_brightness(x, -1.), lambda: I.resize_images(z, [2, 2]), lambda: I.adjust_hue(x[..., :2], .1))
""",
}
NOTES_ONLY = ("shapes",)

_IMAGE = """
rng = np.random.RandomState(0); x = tf.constant(rng.rand(2, 5, 6, 3).astype('float32')); y = tf.constant(rng.randint(0, 256, [5, 6, 3]).astype('uint8')); I = tf.image
"""
VALUES = {
    "resize": _IMAGE
    + """
result = [f(x, s, align_corners=a) for f in (I.resize_bilinear, I.resize_nearest_neighbor, I.resize_bicubic, I.resize_area) for s in ([3, 4], [7, 11], [1, 2]) for a in (False, True)]
result += [f(x, s, half_pixel_centers=True) for f in (I.resize_bilinear, I.resize_nearest_neighbor, I.resize_bicubic) for s in ([3, 4], [7, 11])]
result += [I.resize_images(y, [4, 4], m) for m in range(4)] + [I.resize_images(y, [3, 12], preserve_aspect_ratio=True), I.resize_image_with_pad(x, 7, 5), I.resize_bilinear(tf.cast(x, tf.float64), [3, 3])]
""",
    "resize_gradients": _IMAGE
    + """
result = []
for f in (I.resize_bilinear, I.resize_nearest_neighbor, I.resize_bicubic):
    for s, k in (([3, 4], {}), ([7, 11], {}), ([7, 4], {'align_corners': True}), ([3, 8], {'half_pixel_centers': True})):
        r = f(x, s, **k); result += [tf.gradients(tf.square(r) * .1, x)[0]]
""",
    "geometry": _IMAGE
    + """
f = tf.placeholder(tf.float32, [None, None, None]); feed = {f: np.arange(60.).reshape(4, 5, 3)}; k = tf.placeholder_with_default(3, [])
result = [I.crop_to_bounding_box(x, 1, 2, 3, 4), I.pad_to_bounding_box(y, 1, 2, 8, 9), I.resize_image_with_crop_or_pad(y, 7, 3), I.resize_image_with_crop_or_pad(f, 3, 8), I.central_crop(x, .5), I.central_crop(f, .4), I.flip_left_right(x), I.flip_up_down(y), I.transpose_image(x), I.rot90(x), I.rot90(y, 2), I.rot90(f, k), I.crop_to_bounding_box(f, 1, 1, 2, 2)]
""",
    "random": _IMAGE
    + """
runs = 3
result = [I.random_flip_left_right(y, seed=1), I.random_flip_up_down(y, seed=2), I.random_flip_left_right(x, seed=3), I.random_brightness(x, .3, seed=4), I.random_contrast(y, .2, 1.8, seed=5)]
""",
    "types": _IMAGE
    + """
result = [I.convert_image_dtype(y, tf.float32), I.convert_image_dtype(x * 1.5, tf.uint8, saturate=True), I.convert_image_dtype(x, tf.int16), I.convert_image_dtype(y, tf.uint16), I.convert_image_dtype(I.convert_image_dtype(y, tf.int32), tf.uint8), I.per_image_standardization(x), I.rgb_to_grayscale(x), I.rgb_to_grayscale(y), I.grayscale_to_rgb(x[..., :1])]
""",
    "statistics": _IMAGE
    + """
result = [I.total_variation(x), I.total_variation(x[0]), I.psnr(x, x * .9, 1.), I.psnr(y, y // 2, 255), I.sobel_edges(x)] + list(I.image_gradients(x))
a = tf.constant(rng.rand(2, 24, 26, 3).astype('float32')); b = tf.clip_by_value(a + .1 * rng.randn(2, 24, 26, 3).astype('float32'), 0., 1.)
result += [I.ssim(a, b, 1.), I.ssim(a[0], b[0], 1., filter_size=7)]
""",
    "boxes": _IMAGE
    + """
boxes = tf.constant([[0., 0., 1., 1.], [.2, .1, .8, .7], [-.2, .3, 1.3, .9], [.9, .8, .1, .2]]); which = [0, 1, 1, 0]
crops = [I.crop_and_resize(x, boxes, which, [3, 4]), I.crop_and_resize(x, boxes, which, [1, 2], extrapolation_value=.5), I.crop_and_resize(x, boxes, which, [3, 4], method='nearest')]
result = crops + tf.gradients(tf.square(crops[0]), [x, boxes]) + tf.gradients(crops[2], [x])
b = tf.constant([[0., 0., 1., 1.], [0., .1, 1., 1.1], [0., -.1, 1., .9], [0., 10., 1., 11.], [0., 10.1, 1., 11.1], [0., 100., 1., 101.]]); s = tf.constant([.9, .75, .6, .95, .5, .3])
result += [I.non_max_suppression(b, s, 3), I.non_max_suppression(b, s, 30, .5), I.non_max_suppression(b, s, 3, .5, .4), *I.non_max_suppression_padded(b, s, 5, .5, .4, pad_to_max_output_size=True), *I.non_max_suppression_with_scores(b, s, 6, 1., 0., .5), I.non_max_suppression_overlaps(tf.eye(6) + .4, s, 4, .5)]
result += [I.draw_bounding_boxes(x, tf.constant([[[.1, .1, .9, .8]], [[0., 0., .5, .5]]])), I.extract_glimpse(x, [3, 2], tf.constant([[0., 0.], [.2, -.3]])), I.extract_glimpse(x, [3, 2], [[2., 1.], [3., 2.]], centered=False, normalized=False), I.extract_glimpse(x, [3, 2], [[.4, .4], [.3, .5]], centered=False), I.extract_glimpse(x, [3, 2], [[0., 0.], [1., -1.]], normalized=False)]
runs = 2
for s in (1, 2, 3, 4):
    result += I.sample_distorted_bounding_box([40, 60, 3], [[[.1, .2, .7, .9], [.3, .3, .5, .5]]], seed=s, min_object_covered=.3, area_range=[.1, 1.])
result += I.sample_distorted_bounding_box([30, 20, 3], tf.zeros([1, 0, 4]), seed=7, use_image_if_no_bounding_boxes=True)
""",
}
_COLOURS = """
rng = np.random.RandomState(1); x = tf.constant(rng.rand(2, 3, 4, 3).astype('float64')); f = tf.cast(x, tf.float32); y = tf.constant(rng.randint(0, 256, [5, 6, 3]).astype('uint8')); I = tf.image
"""
VALUES["colours"] = (
    _COLOURS
    + """
result = [I.rgb_to_hsv(x), I.hsv_to_rgb(x), I.hsv_to_rgb(I.rgb_to_hsv(x)), I.rgb_to_yiq(x), I.yiq_to_rgb(x), I.rgb_to_yuv(x), I.yuv_to_rgb(x), I.adjust_gamma(f, 2., .5), I.adjust_brightness(f, .2), I.adjust_contrast(f, 1.5), I.adjust_brightness(y, .2), I.adjust_contrast(y, 1.5), tf.gradients(tf.square(I.rgb_to_hsv(f)), f)[0]]
"""
)

FAILURES = {
    "not_an_image": "result = tf.image.decode_png('no image at all')",
    "not_a_jpeg": "result = tf.image.decode_jpeg('no image at all')",
    "box_index": "result = tf.image.crop_and_resize(np.zeros([1, 3, 3, 1], 'float32'), [[0., 0., 1., 1.]], [2], [2, 2])",
}
