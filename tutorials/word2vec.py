"""Word vectors by skip-grams and noise-contrastive estimation, on a text made of simple sentences.

    python tutorials/word2vec.py

Mikolov et al., "Distributed representations of words and phrases and their compositionality",
NeurIPS 2013.
"""

import numpy as np

import graphflow as tf

ANIMALS, FOODS, VERBS = "cat dog horse".split(), "bread milk cheese".split(), "eats likes".split()
PLACES, GOES = "town forest river".split(), "visits sees".split()


def sentences(count, random):
    """Sentences in which animals eat foods and visit places."""
    text = []
    for _ in range(count):
        verb, things = (VERBS, FOODS) if random.rand() < 0.5 else (GOES, PLACES)
        text += [random.choice(ANIMALS), random.choice(verb), random.choice(things)]
    return text


def main():
    random = np.random.RandomState(0)
    text = sentences(4000, random)
    words = sorted(set(text))
    number = {word: k for k, word in enumerate(words)}
    ids = np.array([number[word] for word in text], np.int32)
    pairs = np.array([(ids[k], ids[k + d]) for k in range(2, len(ids) - 2) for d in (-1, 1)])

    tf.set_random_seed(3)
    centers = tf.placeholder(tf.int32, [None])
    contexts = tf.placeholder(tf.int32, [None, 1])
    vectors = tf.Variable(tf.random_uniform([len(words), 8], -0.5, 0.5))
    weights = tf.Variable(tf.truncated_normal([len(words), 8], stddev=0.3))
    biases = tf.Variable(tf.zeros([len(words)]))
    losses = tf.nn.nce_loss(
        weights, biases, contexts, tf.nn.embedding_lookup(vectors, centers), 4, len(words)
    )
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    unit = tf.nn.l2_normalize(vectors, 1)
    likeness = tf.matmul(unit, unit, transpose_b=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for k in range(1501):
            rows = pairs[random.randint(len(pairs), size=128)]
            found = session.run([loss, step], {centers: rows[:, 0], contexts: rows[:, 1:]})[0]
            if k % 500 == 0:
                print(f"step {k:4}: loss {found:.3f}")
        table = session.run(likeness)
    for word in ("cat", "bread", "town"):
        order = np.argsort(-table[number[word]])[1:3]
        print(f"nearest to {word}: {', '.join(sorted(words[k] for k in order))}")


if __name__ == "__main__":
    main()
