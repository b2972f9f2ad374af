"""TensorFlow's `tf.contrib.learn.preprocessing`."""

from graphflow.contrib.learn.vocabulary import (
    CategoricalVocabulary,
    VocabularyProcessor,
    tokenizer,
)

__all__ = ["CategoricalVocabulary", "VocabularyProcessor", "tokenizer"]
