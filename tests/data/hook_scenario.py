"""A short training with hooks, for TensorFlow and for graphflow alike."""

import collections
import os


def run(tf, folder, lines):
    """Train; notes calls in `lines`, and returns what was written."""
    with tf.Graph().as_default():
        w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
        loss = tf.reduce_sum((w - tf.constant([1.0, 2.0])) ** 2, name="loss")
        tf.summary.scalar("cost", loss)
        two = tf.constant(2, name="two")
        step = tf.train.get_or_create_global_step()
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)

        class Note(tf.train.SessionRunHook):
            def begin(self):
                lines.append("begin")

            def after_create_session(self, session, coord):
                lines.append("after_create_session")

            def before_run(self, run_context):
                same = run_context.original_args.fetches is train
                lines.append(f"before_run {same}")
                return tf.train.SessionRunArgs([loss.op, {"two": two}])

            def after_run(self, run_context, run_values):
                lines.append(f"after_run {run_values.results[1]['two']}")

            def end(self, session):
                lines.append("end")

        class Listener(tf.train.CheckpointSaverListener):
            def begin(self):
                lines.append("listener begin")

            def before_save(self, session, global_step_value):
                lines.append(f"listener before {global_step_value}")

            def after_save(self, session, global_step_value):
                lines.append(f"listener after {global_step_value}")

            def end(self, session, global_step_value):
                lines.append(f"listener end {global_step_value}")

        other = os.path.join(folder, "other")
        saver = tf.train.CheckpointSaverHook(other, save_steps=5, listeners=[Listener()])
        hooks = [
            Note(),
            tf.train.StopAtStepHook(last_step=7),
            tf.train.LoggingTensorHook({"g": step.name, "t": "two"}, every_n_iter=3, at_end=True),
            tf.train.NanTensorHook(loss),
        ]
        counts = []
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=folder, hooks=hooks, save_checkpoint_steps=3, save_summaries_steps=2,
            log_step_count_steps=2, chief_only_hooks=[saver],
        ) as session:  # fmt: skip
            while not session.should_stop():
                session.run(train)
                counts.append(1)
        lines.append("again")
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=folder, hooks=[tf.train.StopAtStepHook(num_steps=2)],
            save_checkpoint_steps=3, log_step_count_steps=0, save_summaries_steps=0,
        ) as session:  # fmt: skip
            while not session.should_stop():
                session.run(train)
                counts.append(2)
        tf.summary.FileWriterCache.clear()
        files = [f for f in os.listdir(folder) if not f.startswith("events")]
        (events,) = (f for f in os.listdir(folder) if f.startswith("events"))
        kinds = []
        for event in tf.train.summary_iterator(os.path.join(folder, events)):
            tags = [value.tag for value in event.summary.value]
            kinds.append([event.step, event.WhichOneof("what"), tags, event.session_log.status])
        with open(os.path.join(folder, "checkpoint")) as file:
            state = file.read().replace(folder, "DIR")
    counted = dict(collections.Counter(counts))
    return {
        "counts": [counted[1], counted[2]], "files": sorted(files), "events": kinds, "state": state,
    }  # fmt: skip
