"""Writes ``tf115_keras_model``, a Keras model that TensorFlow 1.15.5 saved as a SavedModel.

To be run by TensorFlow, with the folder to write as its argument; prints what it predicts.
"""

import sys

import numpy as np
import tensorflow as tf


def main(folder: str) -> None:
    x = np.arange(8, dtype="f").reshape(4, 2) / 10
    kernel = tf.keras.initializers.Constant(0.3)
    model = tf.keras.Sequential(
        [tf.keras.layers.Dense(2, input_shape=[2], kernel_initializer=kernel)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, np.ones([4, 2]), epochs=2, verbose=0)
    model.save(folder, save_format="tf")
    print(model.predict(x).tolist())
    model.fit(x, np.ones([4, 2]), epochs=1, verbose=0)
    print(model.predict(x).tolist())


if __name__ == "__main__":
    main(sys.argv[1])
