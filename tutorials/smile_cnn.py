"""Smiling or not: a convolutional network on photographs of mouths, from files to predictions.

    python tutorials/smile_cnn.py --data FOLDER --out results

The folder has a subfolder for each class, ``0`` and ``1``, with JPEG or PNG pictures (60 by 60
pixels in the teaching exercise that this is, which has been worked in a dozen frameworks). The
script goes the whole way: it reads and distorts pictures beside the training, trains with Adam,
writes summaries for TensorBoard, tests on a held-out fifth, keeps checkpoints, freezes the best
network into one file, and predicts from that file. Pillow reads the pictures
(`pip install graphflow[images]`); Matplotlib, if it is installed, draws the curves and wrong cases.
"""

import argparse
import os

import numpy as np

import graphflow as tf

SIZE, CROP, CHANNELS = 60, 48, 3


def list_pictures(folder):
    """Paths and labels, shuffled; the last fifth is held out."""
    paths, labels = [], []
    for label in (0, 1):
        inside = os.path.join(folder, str(label))
        found = sorted(n for n in os.listdir(inside) if n.lower().endswith((".jpg", ".png")))
        paths += [os.path.join(inside, name) for name in found]
        labels += [label] * len(found)
    order = np.random.RandomState(0).permutation(len(paths))
    paths, labels = np.array(paths)[order], np.array(labels, np.int32)[order]
    cut = len(paths) * 4 // 5
    return (paths[:cut], labels[:cut]), (paths[cut:], labels[cut:])


def read(path, label):
    """One picture, as it is."""
    picture = tf.image.decode_image(tf.read_file(path), channels=CHANNELS)
    picture.set_shape([None, None, CHANNELS])
    picture = tf.image.resize_images(picture, [SIZE, SIZE])
    picture.set_shape([SIZE, SIZE, CHANNELS])
    return picture, label


def distort(picture, label):
    """Another look at the same picture, for training."""
    picture = tf.random_crop(picture, [CROP, CROP, CHANNELS])
    picture = tf.image.random_flip_left_right(picture)
    picture = tf.image.random_brightness(picture, 30)
    picture = tf.image.random_contrast(picture, 0.7, 1.3)
    return tf.image.per_image_standardization(picture), label


def center(picture, label):
    """The middle of a picture, for testing."""
    offset = (SIZE - CROP) // 2
    picture = tf.image.crop_to_bounding_box(picture, offset, offset, CROP, CROP)
    return tf.image.per_image_standardization(picture), label


def pipelines(train, test, batch):
    """Data sets of the two parts; decoded pictures are kept."""
    training = tf.data.Dataset.from_tensor_slices(train).map(read, num_parallel_calls=2).cache()
    training = training.shuffle(len(train[0]), seed=1).repeat().map(distort).batch(batch)
    testing = tf.data.Dataset.from_tensor_slices(test).map(read, num_parallel_calls=2)
    return training.prefetch(2), testing.map(center).batch(batch).cache()


def network(pictures, training):
    """Three convolutions with stride two, two dense layers."""
    x = pictures
    for filters in (12, 24, 48):
        x = tf.layers.conv2d(x, filters, 3, strides=2, use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training, momentum=0.9))
    x = tf.layers.dense(tf.layers.flatten(x), 128, tf.nn.relu)
    return tf.layers.dense(x, 2, name="scores")


def evaluate(session, fetches, feed, initializer):
    """Labels, probabilities of a smile and pictures of the whole test set."""
    session.run(initializer)
    rows = []
    while True:
        try:
            rows.append(session.run(fetches, feed))
        except tf.errors.OutOfRangeError:
            return [np.concatenate(part) for part in zip(*rows, strict=True)]


def draw(out, curve, pictures, labels, smiles):
    """The curves, and some pictures that were taken for the other class."""
    try:
        import matplotlib
    except ImportError:
        print("no pictures are drawn: Matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    steps, losses, accuracies = zip(*curve, strict=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    left.plot(steps, losses)
    left.set(xlabel="step", ylabel="loss of training")
    right.plot(steps, accuracies)
    right.set(xlabel="step", ylabel="accuracy of testing")
    figure.savefig(os.path.join(out, "curves.png"), bbox_inches="tight")
    wrong = np.flatnonzero((smiles > 0.5) != labels)[:8]
    figure, axes = pyplot.subplots(1, max(len(wrong), 1), figsize=(9, 1.6))
    for axis, k in zip(np.atleast_1d(axes), wrong, strict=False):
        low, high = pictures[k].min(), pictures[k].max()
        axis.imshow((pictures[k] - low) / (high - low))
        axis.set_title(f"{smiles[k]:.2f}", fontsize=8)
        axis.axis("off")
    figure.savefig(os.path.join(out, "wrong.png"), bbox_inches="tight")


def freeze(out):
    """The best network as one file: a graph for prediction alone, its variables constants."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        pictures = tf.placeholder(tf.float32, [None, CROP, CROP, CHANNELS], name="pictures")
        tf.nn.softmax(network(pictures, training=False), name="probabilities")
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(out))
        frozen = tf.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["probabilities"]
        )
    path = os.path.join(out, "smile.pb")
    with tf.gfile.GFile(path, "wb") as file:
        file.write(frozen.SerializeToString())
    return path


def predict(path, picture_path):
    """The probability of a smile, by the frozen network alone."""
    with tf.Graph().as_default(), tf.Session() as session:
        definition = tf.GraphDef()
        with tf.gfile.GFile(path, "rb") as file:
            definition.ParseFromString(file.read())
        picture = center(*read(picture_path, 0))[0][None]
        (probabilities,) = tf.import_graph_def(
            definition, {"pictures": picture}, return_elements=["probabilities:0"]
        )
        return float(session.run(probabilities)[0, 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="a folder with subfolders 0 and 1")
    parser.add_argument("--out", default="smile", help="where checkpoints and results go")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    train, test = list_pictures(options.data)
    print(f"{len(train[0])} pictures to train on, {len(test[0])} to test")

    tf.set_random_seed(1)
    training_data, testing_data = pipelines(train, test, options.batch)
    # Which data a run takes is said by a handle that is fed.
    handle = tf.placeholder(tf.string, [])
    source = tf.data.Iterator.from_string_handle(
        handle, training_data.output_types, training_data.output_shapes
    )
    pictures, labels = source.get_next()
    train_iterator = training_data.make_one_shot_iterator()
    test_iterator = testing_data.make_initializable_iterator()
    training = tf.placeholder_with_default(False, [], name="training")
    scores = network(pictures, training)
    smile = tf.nn.softmax(scores)[:, 1]
    loss = tf.losses.sparse_softmax_cross_entropy(labels, scores)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(1e-3).minimize(loss, tf.train.get_or_create_global_step())
    tf.summary.scalar("loss", loss)
    tf.summary.image("pictures", pictures, max_outputs=4)
    summaries = tf.summary.merge_all()

    saver, best, curve = tf.train.Saver(max_to_keep=3), 0.0, []
    with tf.Session() as session, tf.summary.FileWriter(options.out, session.graph) as writer:
        session.run(tf.global_variables_initializer())
        handles = session.run([train_iterator.string_handle(), test_iterator.string_handle()])
        to_train, to_test = {handle: handles[0], training: True}, {handle: handles[1]}
        wanted = [labels, smile, pictures]
        losses = []
        for k in range(1, options.steps + 1):
            losses.append(session.run([loss, step], to_train)[0])
            if k % 50 and k != options.steps:
                continue
            found = evaluate(session, wanted, to_test, test_iterator.initializer)
            right = float(np.mean((found[1] > 0.5) == found[0]))
            curve.append((k, float(np.mean(losses[-50:])), right))
            print(f"step {k:4}: loss {curve[-1][1]:.3f}, test accuracy {100 * right:.1f} %")
            writer.add_summary(session.run(summaries, to_train), k)
            value = tf.Summary.Value(tag="test_accuracy", simple_value=right)
            writer.add_summary(tf.Summary(value=[value]), k)
            if right > best:
                best = right
                saver.save(session, os.path.join(options.out, "model"), k)
        saver.restore(session, tf.train.latest_checkpoint(options.out))
        found = evaluate(session, wanted, to_test, test_iterator.initializer)
    frozen = freeze(options.out)
    draw(options.out, curve, found[2], found[0], found[1])
    print(f"best test accuracy {100 * best:.1f} %; frozen into {frozen}")
    for k in range(3):
        chance = predict(frozen, str(test[0][k]))
        print(f"{os.path.basename(test[0][k])}: smiles with {chance:.2f}, it is {test[1][k]}")


if __name__ == "__main__":
    main()
