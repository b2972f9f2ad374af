"""Small programs of texts and tables, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by the operations they make, static shapes and errors, `VALUES` by what
their run gives, `FAILURES` by how their run fails.
"""

SETUP = """
s = tf.placeholder(tf.string, [2, 3], name='s'); v = tf.placeholder(tf.string, [None], name='v'); u = tf.placeholder(tf.string, name='u')
x = tf.placeholder(tf.float32, [4], name='x')
"""

SCENARIOS = {
    "names": """
tf.as_string(x); tf.string_join([s, 'a']); tf.string_split(v); tf.substr(s, 1, 2); tf.regex_replace(s, 'a', 'b'); tf.string_to_number(v); tf.string_to_hash_bucket_fast(v, 5)
tf.reduce_join(s, 0); tf.reduce_join(s); tf.decode_raw(v, tf.uint8); tf.encode_base64(v); tf.decode_csv(v, [[1], ['']]); tf.strings.length(v); tf.strings.lower(v); tf.strings.format('{}', x); tf.serialize_tensor(x)
""",
    "shapes": """
q = tf.string_split(v, ','); note(q.indices.shape, q.values.shape, q.shape)
note(tf.string_join([s, 'a']).shape, tf.substr(s, [1], [2]).shape, tf.reduce_join(s, 1).shape, tf.reduce_join(s, [0], keep_dims=True).shape, tf.reduce_join(u, 0).shape, tf.decode_raw(v, tf.uint8).shape, *[t.shape for t in tf.decode_csv(s, [[1], ['']])])
note(tf.parse_tensor('', tf.float32).shape, tf.serialize_tensor(x).shape, tf.regex_replace(u, 'a', 'b').shape, tf.strings.regex_full_match(s, 'a').dtype)
fails(lambda: tf.string_join([s, x]), lambda: tf.string_split(s), lambda: tf.string_join([s, tf.zeros([2], tf.string)]), lambda: tf.reduce_join(s, 4))
""",
}
NOTES_ONLY = ("shapes",)

VALUES = {
    "as_string": """
f = tf.placeholder(tf.float32, [None]); feed = {f: [1.5, -2.25, 1e10, float('nan'), float('inf')]}
i = tf.constant([1, -20, 300]); result = [tf.as_string(f), tf.as_string(f, precision=2), tf.as_string(f, scientific=True), tf.as_string(f, shortest=True), tf.as_string(i), tf.as_string(i, width=6, fill='0'), tf.as_string(f, width=12, fill='-', precision=1), tf.as_string([True, False]), tf.as_string(tf.constant([1 + 2j])), tf.as_string(tf.constant(7, tf.int64))]
""",
    "parts": """
v = tf.placeholder(tf.string, [None]); feed = {v: ['hello world', ' a  b ', 'x,y;z', '']}
result = []
for q in (tf.string_split(v), tf.string_split(v, ',;'), tf.string_split(v, '', skip_empty=False), tf.string_split(v, ' ', skip_empty=False), tf.strings.split(v), tf.strings.split(v, ' '), tf.strings.split(v, sep='l', maxsplit=1)):
    result += [q.indices, q.values, q.dense_shape]
result += [tf.substr(v[:3], 1, 3), tf.substr(v[:3], -2, 2), tf.substr('hello', [0, 1, 2], [1, 2, 3]), tf.string_join([v, '-', v]), tf.string_join([v, v], '/'), tf.reduce_join(v, 0), tf.reduce_join([['a', 'b'], ['c', 'd']], [0, 1]), tf.reduce_join([['a', 'b'], ['c', 'd']], [1, 0], separator='.'), tf.reduce_join([['a', 'b'], ['c', 'd']], 0, keep_dims=True), tf.reduce_join([['a', 'b'], ['c', 'd']]), tf.string_strip(v)]
""",
    "patterns": """
v = tf.placeholder(tf.string, [None]); feed = {v: ['aab', 'banana', '', 'xyz9']}; p = tf.constant('a+')
result = [tf.regex_replace(v, 'a', 'X'), tf.regex_replace(v, '(a)(n)', '\\\\2\\\\1'), tf.regex_replace(v, 'a', '<\\\\0>', replace_global=False), tf.regex_replace(v, p, 'Q'), tf.strings.regex_full_match(v, 'a+b'), tf.strings.regex_full_match(v, p), tf.strings.length(v), tf.strings.lower(['ABC', 'dE']), tf.strings.upper(['abc', 'dE'])]
""",
    "hashes": """
v = tf.constant(['', 'a', 'abc', 'hello', 'abcdefgh', 'abcdefghijkl', 'abcdefghijklmnop', 'abcdefghijklmnopq' * 1, 'q' * 31, 'r' * 32, 'abc' * 11, 'xyz' * 21, 'l' * 64, 'm' * 65, 'no' * 70, 'pqr' * 200])
result = [h(v, 1 << 62) for h in (tf.string_to_hash_bucket, tf.string_to_hash_bucket_fast)] + [tf.string_to_hash_bucket_strong(v, 1 << 62, [3, 5]), tf.string_to_hash_bucket_fast(v, 10)]
""",
    "numbers": """
v = tf.placeholder(tf.string, [None]); feed = {v: ['1', ' -2', '33 ']}
result = [tf.string_to_number(v), tf.string_to_number(v, tf.int32), tf.string_to_number(['1e3', 'nan', '-inf', '.5'], tf.float64), tf.string_to_number(['123456789012'], tf.int64)]
raw = tf.constant([b'\\x01\\x02\\x03\\x04', b'\\xff\\x00\\x00\\x80'])
result += [tf.decode_raw(raw, tf.uint8), tf.decode_raw(raw, tf.int16), tf.decode_raw(raw, tf.int16, little_endian=False), tf.decode_raw(raw, tf.float32), tf.decode_raw(raw[0], tf.int32)]
b = tf.constant([b'', b'a', b'ab', b'abc', b'\\xff\\xfe\\xfd\\xfb'])
result += [tf.encode_base64(b), tf.encode_base64(b, pad=True), tf.decode_base64(tf.encode_base64(b)), tf.decode_base64(tf.encode_base64(b, pad=True))]
""",
    "csv": """
v = tf.placeholder(tf.string, [None]); feed = {v: ['1,2.5,abc', '7,,"x,""y"', ',3, d']}
result = tf.decode_csv(v, [[-1], tf.constant([0.5]), ['none']]) + tf.decode_csv(v, [[9.], ['q']], select_cols=[1, 2]) + tf.decode_csv(['1|NA|"3'], [[0], [5], ['']], field_delim='|', use_quote_delim=False, na_value='NA')
""",
    "messages": """
a = np.arange(6, dtype='float32').reshape(2, 3); result = [tf.parse_tensor(tf.serialize_tensor(a), tf.float32), tf.parse_tensor(tf.serialize_tensor(['a', 'bc']), tf.string), tf.strings.format('a {} b {}', (tf.range(10), 2.5)), tf.strings.format('{}', [['x', 'y']])]
""",
}

FAILURES = {
    "number": "result = tf.string_to_number(tf.placeholder_with_default(['1', 'x1'], [2]))",
    "csv_fields": "result = tf.decode_csv(['1,2', '3'], [[1], [1]])",
    "csv_type": "result = tf.decode_csv(['1,x'], [[1], [1.]])",
    "csv_missing": "result = tf.decode_csv(['1,'], [[1], tf.constant([], tf.float32)])",
    "substr": "result = tf.substr(['abc', 'd'], 2, 1)",
    "raw_size": "result = tf.decode_raw(['abcd', 'efgh0'], tf.uint8)",
    "raw_multiple": "result = tf.decode_raw(['abcde'], tf.int16)",
    "base64": "result = tf.decode_base64(['a+=='])",
    "parse_type": "result = tf.parse_tensor(tf.serialize_tensor([1., 2.]), tf.int32)",
}
