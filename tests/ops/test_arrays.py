"""Array ops against NumPy, compiled: views, gathers, sequences, products."""

import itertools

import numpy as np
import pytest

import graphflow as tf
from graphflow.runtime import engine

DTYPES = [
    tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64,
    tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.bool, tf.complex64, tf.complex128,
]  # fmt: skip
SHAPES = [(), (1,), (0,), (7,), (17,), (3, 1), (2, 0, 3), (5, 4), (3, 9, 2)]


def values(shape, dtype=tf.float32, seed=0):
    random = np.random.default_rng(seed)
    array = random.integers(-100, 100, shape)
    if dtype.is_complex:
        array = array + 1j * random.integers(-9, 9, shape)
    return np.asarray(array).astype(dtype.as_numpy_dtype)


def check(build, *arrays, static=True):
    """Run ``build(module, *xs)``, made of (name, graph version, NumPy version) triples."""
    with tf.Graph().as_default(), tf.Session() as session:
        xs = [tf.placeholder(tf.as_dtype(a.dtype), a.shape if static else None) for a in arrays]
        cases = build(*xs)
        got = session.run(
            {name: made for name, made, _ in cases}, dict(zip(xs, arrays, strict=True))
        )
    for name, made, expected in cases:
        expected = np.asarray(expected(*arrays))
        assert got[name].shape == expected.shape, name
        assert got[name].dtype == expected.dtype, name
        assert made.shape.is_compatible_with(expected.shape), name
        np.testing.assert_array_equal(got[name], expected, err_msg=name)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_everything(shape, static):
    x = values(shape)
    rank = len(shape)

    def build(t):
        cases = [
            ("shape", tf.shape(t), lambda a: np.array(a.shape, np.int32)),
            ("shape64", tf.shape(t, out_type=tf.int64), lambda a: np.array(a.shape, np.int64)),
            ("size", tf.size(t), lambda a: np.int32(a.size)),
            ("rank", tf.rank(t), lambda a: np.int32(a.ndim)),
            ("zeros_like", tf.zeros_like(t), np.zeros_like),
            ("ones_like", tf.ones_like(t, tf.int16), lambda a: np.ones_like(a, np.int16)),
            ("transpose", tf.transpose(t), np.transpose),
            ("stack", tf.stack([t, t + 1, t]), lambda a: np.stack([a, a + 1, a])),
            ("last", tf.stack([t, -t], -1), lambda a: np.stack([a, -a], -1)),
            ("expanded", tf.expand_dims(t, -1), lambda a: a[..., None]),
            ("flat", tf.reshape(t, [-1]), np.ravel) if 0 not in shape else
            ("flat", tf.reshape(t, [0]), np.ravel),
            ("filled", tf.fill(tf.shape(t), 2.5), lambda a: np.full(a.shape, 2.5, np.float32)),
        ]  # fmt: skip
        if static or 1 not in shape:
            cases.append(("squeezed", tf.squeeze(t), np.squeeze))
        for axis in range(rank):
            cases += [
                (f"concat{axis}", tf.concat([t, t * 2, t], axis),
                 lambda a, k=axis: np.concatenate([a, a * 2, a], k)),
                (f"reverse{axis}", tf.reverse(t, [axis]), lambda a, k=axis: np.flip(a, k)),
                (f"pad{axis}", tf.pad(t, [[k == axis, 2 * (k == axis)] for k in range(rank)],
                                      constant_values=7),
                 lambda a, k=axis: np.pad(a, [(j == k, 2 * (j == k)) for j in range(a.ndim)],
                                          constant_values=7)),
                (f"tile{axis}", tf.tile(t, [1 + 2 * (k == axis) for k in range(rank)]),
                 lambda a, k=axis: np.tile(a, [1 + 2 * (j == k) for j in range(a.ndim)])),
            ]  # fmt: skip
        return cases

    check(build, x, static=static)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_views_take_every_type(dtype):
    x = values((3, 5), dtype)

    def build(t):
        return [
            ("transpose", tf.transpose(t), np.transpose),
            ("slice", t[1:, ::-2], lambda a: a[1:, ::-2]),
            ("concat", tf.concat([t, t[:1]], 0), lambda a: np.concatenate([a, a[:1]])),
            ("stack", tf.stack([t, t], 1), lambda a: np.stack([a, a], 1)),
            ("gather", tf.gather(t, [2, 0, 2]), lambda a: a[[2, 0, 2]]),
            ("columns", tf.gather(t, [4, 1], axis=1), lambda a: a[:, [4, 1]]),
            ("tile", tf.tile(t, [2, 1]), lambda a: np.tile(a, [2, 1])),
            ("pad", tf.pad(t, [[0, 1], [2, 0]]), lambda a: np.pad(a, [(0, 1), (2, 0)])),
            ("mirror", tf.pad(t, [[1, 2], [0, 4]], "REFLECT"),
             lambda a: np.pad(a, [(1, 2), (0, 4)], "reflect")),
            ("broadcast", tf.broadcast_to(t[:1], [4, 2, 5]),
             lambda a: np.broadcast_to(a[:1], [4, 2, 5])),
            ("zeros", tf.zeros_like(t), np.zeros_like),
            ("ones", tf.ones_like(t), np.ones_like),
            ("unstack", tf.unstack(t, axis=1)[3], lambda a: a[:, 3]),
            ("reshape", tf.reshape(t, [5, 3]), lambda a: a.reshape(5, 3)),
        ]  # fmt: skip

    check(build, x)


SLICES = [
    np.s_[0], np.s_[-1], np.s_[1:3], np.s_[:, 2], np.s_[..., -2], np.s_[::2], np.s_[::-1],
    np.s_[4:1:-2, 1:], np.s_[None], np.s_[:, None, ::3], np.s_[1, ..., None], np.s_[5:2],
    np.s_[:, :, 1, None], np.s_[-3:-1, ..., 0], np.s_[100:], np.s_[:100, -100:], np.s_[2:3, 0, 1],
    np.s_[::-3, ::-1, ::-2], np.s_[-100::5], np.s_[100::-1], np.s_[None, ..., None, None],
    np.s_[1:1], np.s_[3, 4, 0], np.s_[...], np.s_[:, 1:-1],
]  # fmt: skip


@pytest.mark.parametrize("static", [True, False])
def test_brackets(static):
    x = values((5, 6, 2))
    check(
        lambda t: [(str(spec), t[spec], lambda a, spec=spec: a[spec]) for spec in SLICES],
        x,
        static=static,
    )


def test_bounds_known_in_the_run_only():
    x = values((5, 6, 2))
    with tf.Graph().as_default(), tf.Session() as session:
        t = tf.placeholder(tf.float32, [None, 6, 2])
        i = tf.placeholder(tf.int32, [])
        k = tf.placeholder(tf.int64, [])
        begin = tf.placeholder(tf.int32, [3])
        made = {
            "index": t[i],
            "two": t[i, :, i],
            "from": t[i:],
            "mixed": t[1:, i],
            "long": t[k],
            "reversed": t[::-1, i],
            "block": tf.slice(t, begin, [2, 3, 1]),
            "rest": tf.slice(t, begin, [-1, 2, -1]),
            "part": tf.slice(t, [0, i, 0], [-1, 2, 2]),
        }
        for at, start in ((0, [0, 0, 0]), (1, [2, 3, 1]), (-1, [3, 1, 0])):
            feed = {t: x, i: at, k: at, begin: start}
            wanted = dict(made)
            if at < 0:
                wanted.pop("part")
            got = session.run(wanted, feed)
            a, b, c = start
            expected = {
                "index": x[at], "two": x[at, :, at], "from": x[at:], "mixed": x[1:, at],
                "long": x[at], "reversed": x[::-1, at], "block": x[a : a + 2, b : b + 3, c : c + 1],
                "rest": x[a:, b : b + 2, c:], "part": x[:, at : at + 2],
            }  # fmt: skip
            for name, value in got.items():
                np.testing.assert_array_equal(value, expected[name], err_msg=name)
        with pytest.raises(tf.errors.InvalidArgumentError, match="slice index 6 of dimension 0"):
            session.run(made["index"], {t: x, i: 6})


def test_an_index_does_not_cost_a_compilation_for_each_value(monkeypatch):
    x = values((4, 3))
    with tf.Graph().as_default(), tf.Session() as session:
        t, i = tf.placeholder(tf.float32, [4, 3]), tf.placeholder(tf.int32, [])
        row, block = t[i], tf.slice(t, tf.stack([i, 0]), [1, 3])
        session.run([row, block], {t: x, i: 0})
        monkeypatch.setattr(engine, "compile_program", None)  # calling it now would raise
        for k in range(4):
            got = session.run([row, block], {t: x, i: k})
            np.testing.assert_array_equal(got[0], x[k])
            np.testing.assert_array_equal(got[1], x[k : k + 1])


def test_assigning_to_a_part_of_a_variable():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(np.arange(12.0, dtype=np.float32).reshape(3, 4))
        i = tf.placeholder(tf.int32, [])
        session.run(v.initializer)
        expected = np.arange(12.0, dtype=np.float32).reshape(3, 4)
        for spec in (np.s_[0], np.s_[1:, ::-2], np.s_[..., 1], np.s_[2, 3]):
            part = np.full(expected[spec].shape, -1.5, np.float32)
            expected[spec] = part
            np.testing.assert_array_equal(session.run(v[spec].assign(part)), expected)
        expected[2] = 9
        session.run(v[i].assign([9.0] * 4), {i: 2})
        np.testing.assert_array_equal(session.run(v), expected)


def test_splits():
    x = values((6, 5))

    def build(t):
        whole = [
            (f"split{k}", part, lambda a, k=k: np.split(a, 3)[k])
            for k, part in enumerate(tf.split(t, 3))
        ]
        return whole + [
            (f"parts{k}", part, lambda a, k=k: np.split(a, [1, 4], 1)[k])
            for k, part in enumerate(tf.split(t, [1, -1, 1], axis=-1))
        ]

    check(build, x)


@pytest.mark.parametrize("shape", [(3,), (7,), (4, 5), (2, 3, 4)])
def test_mirrors(shape):
    x = values(shape)
    widths = [[(k + 1) % 3, k % 2 + 1] for k in range(len(shape))]
    check(
        lambda t: [
            (mode, tf.pad(t, widths, mode), lambda a, m=mode: np.pad(a, widths, m.lower()))
            for mode in ("REFLECT", "SYMMETRIC", "CONSTANT")
        ],
        x,
    )


def test_gathers():
    x = values((4, 5, 6))
    i = np.array([[3, 0], [1, 1]], np.int32)
    b = np.array([[0, 2], [1, 4], [3, 3], [2, 0]], np.int64)
    n = np.array([[[0, 1], [3, 4]], [[2, 2], [0, 0]]], np.int32)

    def build(t, j, c, m):
        cases = [
            (f"axis{axis}", tf.gather(t, j, axis=axis), lambda a, p, q, r, k=axis: np.take(a, p, k))
            for axis in (0, 1, 2, -1)
        ]
        return [
            *cases,
            ("scalar", tf.gather(t, j[0, 0], axis=1), lambda a, p, q, r: a[:, 3]),
            ("constant", tf.gather(t, 2, axis=1), lambda a, p, q, r: a[:, 2]),
            ("batch1", tf.gather(t, c, batch_dims=1),
             lambda a, p, q, r: np.stack([a[k][q[k]] for k in range(4)])),
            ("batch1last", tf.gather(t, c, axis=2, batch_dims=1),
             lambda a, p, q, r: np.stack([a[k][:, q[k]] for k in range(4)])),
            ("batch_gather", tf.batch_gather(t, c),
             lambda a, p, q, r: np.stack([a[k][q[k]] for k in range(4)])),
            ("nd", tf.gather_nd(t, m), lambda a, p, q, r: a[r[..., 0], r[..., 1]]),
            ("nd1", tf.gather_nd(t, m[..., :1]), lambda a, p, q, r: a[r[..., 0]]),
            ("nd_batch", tf.gather_nd(t[:2], m, batch_dims=1),
             lambda a, p, q, r: np.stack([a[k][r[k][:, 0], r[k][:, 1]] for k in range(2)])),
            ("scatter", tf.scatter_nd(m, tf.ones([2, 2, 3]), [4, 5, 3]),
             lambda a, p, q, r: _added(np.zeros([4, 5, 3], np.float32), r)),
            ("segments", tf.unsorted_segment_sum(t, tf.constant([1, -1, 0, 1]), 3),
             lambda a, p, q, r: np.stack([a[2], a[0] + a[3], np.zeros_like(a[0])])),
        ]  # fmt: skip

    check(build, x, i, b, n)


def _added(target, rows):
    np.add.at(target, (rows[..., 0], rows[..., 1]), 1)
    return target


def test_picking_by_masks():
    x = values((4, 5))
    mask = np.array([True, False, True, True])

    def build(t, m):
        return [
            ("rows", t[m], lambda a, k: a[k]),
            ("columns", tf.boolean_mask(t, [True, False, True, False, True], axis=1),
             lambda a, k: a[:, ::2]),
            ("elements", tf.boolean_mask(t, t > 0), lambda a, k: a[a > 0]),
            ("places", tf.where(t > 0), lambda a, k: np.argwhere(a > 0)),
            ("none", tf.boolean_mask(t, t > 1000), lambda a, k: a[a > 1000]),
        ]  # fmt: skip

    check(build, x, mask)


def test_reverse_sequence():
    x = values((3, 6, 2))
    lengths = np.array([6, 0, 4], np.int64)

    def expected(a, n):
        result = a.copy()
        for k, count in enumerate(n):
            result[k, :count] = a[k, :count][::-1]
        return result

    check(
        lambda t, n: [
            ("rows", tf.reverse_sequence(t, n, seq_axis=1, batch_axis=0), expected),
            ("turned", tf.reverse_sequence(tf.transpose(t, [2, 1, 0]), n, 1, 2),
             lambda a, n: expected(a, n).transpose(2, 1, 0)),
        ],
        x, lengths,
    )  # fmt: skip


INTEGERS = [tf.int32, tf.int64]
FLOATS = [tf.float16, tf.bfloat16, tf.float32, tf.float64]


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS, ids=lambda d: d.name)
def test_products_of_every_type(dtype):
    a, b = values((3, 5), dtype), values((5, 4), dtype, 1)
    if dtype.size == 2:
        a, b = (np.round(v.astype(np.float32) / 50).astype(v.dtype) for v in (a, b))

    def exact(x, y):
        wide = np.float64 if dtype.is_floating else np.int64
        return (x.astype(wide) @ y.astype(wide)).astype(dtype.as_numpy_dtype)

    def build(x, y):
        return [
            ("plain", tf.matmul(x, y), exact),
            ("a", tf.matmul(tf.transpose(x), y, transpose_a=True), exact),
            ("b", tf.matmul(x, tf.transpose(y), adjoint_b=True), exact),
            ("batch", tf.matmul(tf.stack([x, x]), y), lambda p, q: np.stack([exact(p, q)] * 2)),
            ("vector", tf.linalg.matvec(x, y[:, 0]), lambda p, q: exact(p, q)[:, 0]),
            ("operator", x @ y, exact),
        ]

    check(build, a, b)


@pytest.mark.parametrize(
    ("first", "second"),
    [((), ()), ((3,), ()), ((), (3,)), ((2, 1), (4,)), ((2, 3), (2, 3)), ((1,), (5,)), ((0,), ())],
)
def test_batches_of_products_broadcast(first, second):
    a, b = values((*first, 2, 3)), values((*second, 3, 5), seed=1)

    def build(x, y):
        cases = [("plain", tf.matmul(x, y), np.matmul)]
        for ta, tb in itertools.product([False, True], repeat=2):
            p = tf.matrix_transpose(x) if ta else x
            q = tf.matrix_transpose(y) if tb else y
            cases.append((f"{ta}{tb}", tf.matmul(p, q, transpose_a=ta, transpose_b=tb), np.matmul))
        return cases

    check(build, a, b)


def test_tensordots():
    a, b = values((2, 3, 4)), values((4, 3, 5), seed=1)

    def build(x, y):
        return [
            ("pairs", tf.tensordot(x, y, [[2, 1], [0, 1]]),
             lambda p, q: np.tensordot(p, q, [[2, 1], [0, 1]])),
            ("one", tf.tensordot(x, y, 1), lambda p, q: np.tensordot(p, q, 1)),
            ("none", tf.tensordot(x[0], y[0], 0), lambda p, q: np.tensordot(p[0], q[0], 0)),
            ("negative", tf.tensordot(x, y, [-2, 1]), lambda p, q: np.tensordot(p, q, [-2, 1])),
        ]  # fmt: skip

    check(build, a, b)
    check(build, a, b, static=False)


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ii", (3, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("ij,k->ijk", (2, 3), (4,)), ("i,i->", (3,), (3,)),
    ("ijk->k", (2, 3, 4)), ("ij,ij->i", (2, 3), (2, 3)), ("i,i,i->", (3,), (3,), (3,)),
    ("abc,cde,ea->bd", (2, 3, 4), (4, 3, 5), (5, 2)), ("i,i,i->i", (3,), (3,), (3,)),
    ("...ij,...jk->...ik", (2, 5, 3, 4), (5, 4, 2)), ("...ij,jk->...ik", (2, 5, 3, 4), (4, 2)),
    ("bqhd,bkhd->bhqk", (2, 3, 4, 5), (2, 6, 4, 5)), ("...i->...", (2, 3)),
    ("...,...->...", (1, 3), (2, 3)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,j->i", (2, 3), (3,)), ("a,b->", (2,), (3,)),
]  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_einsums(known):
    with tf.Graph().as_default(), tf.Session() as session:
        made, feed, expected = [], {}, []
        for equation, *shapes in EINSUMS:
            arrays = [values(shape, seed=k) for k, shape in enumerate(shapes)]
            sizes = shapes if known else [[None] * len(shape) for shape in shapes]
            xs = [tf.placeholder(tf.float32, size) for size in sizes]
            feed.update(zip(xs, arrays, strict=True))
            made.append(tf.einsum(equation, *xs))
            expected.append(np.einsum(equation, *arrays))
        got = session.run(made, feed)
    for (equation, *_), tensor, ours, theirs in zip(EINSUMS, made, got, expected, strict=True):
        assert ours.shape == theirs.shape, equation
        assert tensor.shape.is_compatible_with(theirs.shape), equation
        np.testing.assert_array_equal(ours, theirs, err_msg=equation)


def test_shapes_that_follow_the_batch():
    """Shape arithmetic with a size that changes between runs folds, also once it is symbolic."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 4, 3])
        n = tf.shape(x)[0]
        flat = tf.reshape(x, tf.stack([n, 12]))
        outer = tf.concat([tf.shape(x)[:1] * 2, [2, 3]], 0)
        made = [
            flat, tf.reshape(x, [-1, 6]), tf.reshape(x, outer), tf.tile(flat, [1, 2]),
            tf.zeros(tf.shape(x)) + tf.ones([n, 4, 3]), tf.broadcast_to(x[:1], tf.shape(x)),
            tf.range(n), tf.one_hot(tf.range(n), 4), tf.reshape(x, [n * 4, 3]), x[1:], x[:, -1],
            tf.reverse(x, [0]), tf.transpose(x, [2, 0, 1]), tf.concat([x, x], 0),
            tf.matmul(flat, tf.ones([12, 2])), tf.fill([tf.reduce_prod(tf.shape(x))], 1),
        ]  # fmt: skip
        for size in (5, 3, 8, 2, 1, 7):
            a = values((size, 4, 3))
            got = session.run(made, {x: a})
            f = a.reshape(size, 12)
            expected = [
                f, a.reshape(-1, 6), a.reshape(2 * size, 2, 3), np.tile(f, [1, 2]), np.ones_like(a),
                np.broadcast_to(a[:1], a.shape), np.arange(size), np.eye(size, 4)[:size],
                a.reshape(-1, 3), a[1:], a[:, -1], a[::-1], a.transpose(2, 0, 1),
                np.concatenate([a, a]), f @ np.ones((12, 2)), np.ones(12 * size),
            ]  # fmt: skip
            for k, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{k} at {size}")


def test_views_of_texts():
    """Texts have no generated code: views of them are made while a run is traced."""
    c = np.array([b"a", b"bb", b"c"], object)
    with tf.Graph().as_default(), tf.Session() as session:
        s, i = tf.placeholder(tf.string, [None]), tf.placeholder(tf.int32, [])
        t = tf.constant(c)
        made = {
            "concat": (tf.concat([s, t], 0), [b"x", b"y", b"a", b"bb", b"c"]),
            "stack": (tf.stack([s, s], 1), [[b"x", b"x"], [b"y", b"y"]]),
            "tile": (tf.tile(t, [2]), [b"a", b"bb", b"c"] * 2),
            "index": (t[i], b"bb"),
            "gather": (tf.gather(s, [i, 0]), [b"y", b"x"]),
            "mask": (tf.boolean_mask(s, [False, True]), [b"y"]),
            "one_hot": (tf.one_hot([0, i], 2, "on", "off"), [[b"on", b"off"], [b"off", b"on"]]),
            "fill": (tf.fill([2], "z"), [b"z", b"z"]),
            "zeros_like": (tf.zeros_like(s), [b"", b""]),
            "broadcast": (tf.broadcast_to(s, [2, 2]), [[b"x", b"y"]] * 2),
            "pad": (tf.pad(s, [[1, 0]], constant_values=""), [b"", b"x", b"y"]),
            "empty": (tf.concat([tf.constant([], tf.string), [""], ["", ""]], 0), [b""] * 3),
            "shape": (tf.shape(s), [2]),
        }
        got = session.run({k: v[0] for k, v in made.items()}, {s: ["x", "y"], i: 1})
        for name, (_, expected) in made.items():
            assert np.asarray(got[name]).tolist() == expected, name


def test_split_into_as_many_parts_as_a_dimension_says():
    with tf.Graph().as_default():
        x = tf.ones([4, 6])
        parts = tf.split(x, x.shape[0] // 2, axis=1)
        assert [part.shape.as_list() for part in parts] == [[4, 3], [4, 3]]
        with pytest.raises(ValueError, match="Cannot convert an unknown Dimension to a Tensor"):
            tf.split(x, tf.Dimension(None), axis=1)
