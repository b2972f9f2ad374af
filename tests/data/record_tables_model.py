"""Writes ``tf115_tables_model``, a SavedModel of TensorFlow 1.15.5 with tables from files.

To be run by TensorFlow, with the folder to write as its argument.
"""

import os
import sys
import tempfile

import tensorflow as tf

words, numbers = "alpha\nbeta\ngamma\n", "a\t10\nb\t20\n"
lookup = tf.contrib.lookup


def main(folder: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        paths = []
        for name, text in (("words.txt", words), ("numbers.txt", numbers)):
            paths.append(os.path.join(temporary, name))
            with open(paths[-1], "w") as file:
                file.write(text)
        examples = tf.placeholder(tf.string, [None], "examples")
        parsed = tf.parse_example(examples, {"word": tf.FixedLenFeature([], tf.string)})["word"]
        ids = lookup.index_table_from_file(paths[0], num_oov_buckets=3).lookup(parsed)
        back = lookup.index_to_string_table_from_file(paths[0]).lookup(ids)
        columns = lookup.TextFileInitializer(paths[1], tf.string, 0, tf.int64, 1)
        number = lookup.HashTable(columns, -5).lookup(parsed)
        outputs = {"ids": ids, "back": back, "number": number}
        with tf.Session() as session:
            session.run(tf.tables_initializer())
            tf.saved_model.simple_save(
                session, folder, {"examples": examples}, outputs, tf.tables_initializer()
            )


if __name__ == "__main__":
    main(sys.argv[1])
