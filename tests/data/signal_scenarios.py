"""Small programs of signals, recorded from TensorFlow 1.15.5.

`SCENARIOS` are compared by static shapes and errors, `VALUES` by what their run gives.
"""

SETUP = """
x = tf.placeholder(tf.float32, [2, 20], name='x'); u = tf.placeholder(tf.float32, [2, None], name='u'); S = tf.signal
"""

SCENARIOS = {
    "shapes": """
note(S.frame(x, 5, 3).shape, S.frame(x, 5, 3, pad_end=True).shape, S.frame(u, 5, 3).shape, S.stft(x, 8, 4).shape, S.stft(x, 8, 4).dtype, S.overlap_and_add(S.frame(x, 5, 3), 3).shape, S.hann_window(7).shape, S.dct(x).shape, S.linear_to_mel_weight_matrix().shape, S.mfccs_from_log_mel_spectrograms(x).shape)
fails(lambda: S.dct(x, type=4), lambda: S.dct(x, type=1, norm='ortho'), lambda: S.linear_to_mel_weight_matrix(num_mel_bins=0), lambda: S.linear_to_mel_weight_matrix(lower_edge_hertz=-1.), lambda: S.overlap_and_add(x, 1.5))
""",
}
NOTES_ONLY = ("shapes",)

VALUES = {
    "frames": """
x = tf.constant(np.random.RandomState(0).randn(2, 20).astype('float32')); S = tf.signal; u = tf.placeholder(tf.float32, [None, None]); feed = {u: np.arange(24.).reshape(2, 12)}
f = S.frame(x, 5, 3); result = [f, S.frame(x, 5, 3, pad_end=True, pad_value=7), S.frame(u, 4, 2), S.frame(x, 1, 2, axis=0), S.frame(u, 5, 4, pad_end=True), S.overlap_and_add(f, 3), S.overlap_and_add(S.frame(u, 4, 2), 2), tf.gradients(tf.square(f), x)[0], tf.gradients(tf.square(S.overlap_and_add(f, 3)), x)[0]]
""",
    "windows": """
S = tf.signal; n = tf.placeholder_with_default(6, [])
result = [w(k, periodic=p) for w in (S.hann_window, S.hamming_window) for k in (1, 4, 7) for p in (True, False)] + [S.hann_window(n), S.inverse_stft_window_fn(4)(8, tf.float32)]
""",
    "spectra": """
x = tf.constant(np.random.RandomState(0).randn(2, 40).astype('float32')); S = tf.signal
t = S.stft(x, 8, 4); result = [t, S.stft(x, 6, 3, fft_length=16, window_fn=None, pad_end=True), S.inverse_stft(t, 8, 4), S.inverse_stft(t, 8, 4, window_fn=S.inverse_stft_window_fn(4)), S.inverse_stft(S.stft(x, 6, 3), 6, 3)]
""",
    "cosines": """
x = tf.constant(np.random.RandomState(0).randn(2, 12).astype('float32')); S = tf.signal; u = tf.placeholder(tf.float32, [None, None]); feed = {u: np.arange(8.).reshape(2, 4) * .1}
result = [f(x, type=k, norm=m) * .1 for f in (S.dct, S.idct) for k in (2, 3) for m in (None, 'ortho')] + [S.dct(x, type=1) * .1, S.dct(u), S.dct(x, n=5) * .1, S.dct(x, n=16) * .1, S.mfccs_from_log_mel_spectrograms(x), tf.gradients(S.dct(x) * .1, x)[0]]
""",
}

_AUDIO = """
try:
    from tensorflow.python.ops import gen_audio_ops as A
    assert not hasattr(tf, 'Lop')
except (ImportError, AssertionError):
    from graphflow.ops import audio as A
"""
VALUES["audio"] = (
    _AUDIO
    + """
x = (np.random.RandomState(0).rand(2000, 2).astype('float32') * 2 - 1) * .9; text = A.encode_wav(x, 8000)
p = A.audio_spectrogram(x[:, :1], 200, 150, magnitude_squared=True); result = [*A.decode_wav(text), *A.decode_wav(text, desired_channels=1, desired_samples=2100), tf.strings.length(text), p * .01, A.audio_spectrogram(x[:, :1], 256, 218) * .1, A.mfcc(p, 8000) * .1, A.mfcc(p, 8000, upper_frequency_limit=3000, filterbank_channel_count=20, dct_coefficient_count=10) * .1]
"""
)

FAILURES = {
    "not_a_wav": "result = list(tf.audio.decode_wav('no sound at all'))",
}
