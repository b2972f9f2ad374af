"""Tables of `Dimension` and `TensorShape`, recorded like the programs of `graph_scenarios`."""

SCENARIOS = {
    "dimensions": """
values = [0, 1, 3, None]
binary = {
    'add': lambda a, b: a + b, 'sub': lambda a, b: a - b, 'mul': lambda a, b: a * b,
    'floordiv': lambda a, b: a // b, 'mod': lambda a, b: a % b, 'truediv': lambda a, b: a / b,
    'lt': lambda a, b: a < b, 'le': lambda a, b: a <= b, 'gt': lambda a, b: a > b,
    'ge': lambda a, b: a >= b, 'eq': lambda a, b: a == b, 'ne': lambda a, b: a != b,
    'compatible': lambda a, b: a.is_compatible_with(b), 'merge': lambda a, b: a.merge_with(b),
    'assert': lambda a, b: a.assert_is_compatible_with(b),
}
def table(pairs, name, f):
    for a, b in pairs:
        try:
            note(name, a, b, f(a, b))
        except Exception:
            fails(lambda: f(a, b))
D = tf.Dimension
for name in sorted(binary):
    f = binary[name]
    table([(D(a), D(b)) for a in values for b in values], name, f)
    table([(D(3), b) for b in [2, None, 'a', 2.0, -1]], name, f)
    if name not in ('compatible', 'merge', 'assert'):
        table([(b, D(3)) for b in [7, None, 'a', -1]], name, f)
for value in ['3', 2.0, 2.5, -1, tf.float32, D(2), np.int64(4), True, [1], 'a']:
    try:
        note(value, D(value))
    except Exception:
        fails(lambda: D(value))
note(int(D(3)), str(D(3)), str(D(None)), list(range(5))[D(2)], D(3).value, repr(D(None)))
fails(lambda: int(D(None)))
fails(lambda: hash(D(3)))
""",
    "shapes": """
S = tf.TensorShape
for value in [None, [], [1, 2], [None, 3], (4, None), 5, [tf.Dimension(2), None], S([1]), 'a', [-1],
              [2.5], np.array([2, 3]), [np.int32(7)], [0], [[1]], tf.float32, [None] * 3]:
    try:
        s = S(value)
    except Exception:
        fails(lambda: S(value))
        continue
    note(str(s), repr(s), s.ndims, s.rank, bool(s), s.is_fully_defined(), s.num_elements(), s.dims)
    for f in [lambda: s.as_list(), lambda: len(s), lambda: list(s), lambda: s[0], lambda: s[-1],
              lambda: s[:1], lambda: s[1:], lambda: s[::2], lambda: s[:-1], lambda: s[2:5],
              lambda: s[7], lambda: s.assert_is_fully_defined(), lambda: s.assert_has_rank(2),
              lambda: s.with_rank(2), lambda: s.with_rank_at_least(2), lambda: s == s,
              lambda: s.with_rank_at_most(1), lambda: s != S([1, 2]), lambda: s + [9],
              lambda: [9] + s, lambda: s.concatenate(None), lambda: hash(s)]:
        try:
            note(f())
        except Exception:
            fails(f)
""",
    "shape_pairs": """
S = tf.TensorShape
values = [None, [], [1], [3], [None], [3, None], [None, 4], [3, 4], [3, 5], [1, 4], [0], [1, 0]]
for a in values:
    for b in values:
        s, o = S(a), S(b)
        for f in [lambda: s.merge_with(o), lambda: s.is_compatible_with(o), lambda: s == o,
                  lambda: s.most_specific_compatible_shape(o), lambda: s.concatenate(o),
                  lambda: s.assert_same_rank(o), lambda: s.assert_is_compatible_with(o),
                  lambda: tf.broadcast_static_shape(s, o), lambda: s == b, lambda: s != o]:
            try:
                note(f())
            except Exception:
                fails(f)
fails(lambda: S([1]).merge_with('a'))
note(S([1]) == 'a', S([2]) == [2], S([2]) == 2)
""",
    "common_names": """
note([getattr(tf, n).name for n in ['float32', 'int64', 'bool', 'string', 'complex64', 'half']])
note(tf.as_dtype('float').name, tf.as_dtype(np.float16).name, tf.as_dtype(tf.int8) is tf.int8)
""",
}
