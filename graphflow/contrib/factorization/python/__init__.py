"""Where programs look for parts of `tf.contrib.factorization`."""
