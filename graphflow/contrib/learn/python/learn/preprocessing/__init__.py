"""Words to numbers, under their path in TensorFlow."""

from graphflow.contrib.learn.preprocessing import (
    CategoricalVocabulary,
    VocabularyProcessor,
    tokenizer,
)

__all__ = ["CategoricalVocabulary", "VocabularyProcessor", "tokenizer"]
