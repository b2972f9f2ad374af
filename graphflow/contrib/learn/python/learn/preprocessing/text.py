"""Words to numbers, under their path in TensorFlow."""

from graphflow.contrib.learn.vocabulary import TOKENIZER_RE, VocabularyProcessor, tokenizer

__all__ = ["TOKENIZER_RE", "VocabularyProcessor", "tokenizer"]
