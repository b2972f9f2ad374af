"""Training: TensorFlow's `tf.train`."""

from graphflow.checkpoint.bundle import checkpoint_exists
from graphflow.train.checkpoints import (
    NewCheckpointReader,
    checkpoints_iterator,
    generate_checkpoint_state_proto,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    latest_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
    remove_checkpoint,
    update_checkpoint_state,
)
from graphflow.train.decay import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    noisy_linear_cosine_decay,
    piecewise_constant,
    piecewise_constant_decay,
    polynomial_decay,
)
from graphflow.train.global_step import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
    global_step,
)
from graphflow.train.meta_graph import export_meta_graph, import_meta_graph, write_graph
from graphflow.train.moving_averages import ExponentialMovingAverage
from graphflow.train.optimizer import Optimizer
from graphflow.train.optimizers import (
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    RMSPropOptimizer,
)
from graphflow.train.proximal import (
    AdadeltaOptimizer,
    AdagradDAOptimizer,
    AdagradOptimizer,
    FtrlOptimizer,
    ProximalAdagradOptimizer,
    ProximalGradientDescentOptimizer,
)
from graphflow.train.saver import Saver

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "ExponentialMovingAverage",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "NewCheckpointReader",
    "Optimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
    "Saver",
    "assert_global_step",
    "checkpoint_exists",
    "checkpoints_iterator",
    "cosine_decay",
    "cosine_decay_restarts",
    "create_global_step",
    "exponential_decay",
    "export_meta_graph",
    "generate_checkpoint_state_proto",
    "get_checkpoint_mtimes",
    "get_checkpoint_state",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "import_meta_graph",
    "inverse_time_decay",
    "latest_checkpoint",
    "linear_cosine_decay",
    "list_variables",
    "load_checkpoint",
    "load_variable",
    "natural_exp_decay",
    "noisy_linear_cosine_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "remove_checkpoint",
    "update_checkpoint_state",
    "write_graph",
]

_MESSAGES = {
    "BytesList", "ClusterDef", "Example", "Feature", "FeatureList", "FeatureLists", "Features",
    "FloatList", "Int64List", "JobDef", "SaverDef", "SequenceExample", "ServerDef",
}  # fmt: skip
_THREADS = {
    "Coordinator", "LooperThread", "QueueRunner", "add_queue_runner", "start_queue_runners",
}  # fmt: skip
_PRODUCERS = {
    "batch", "batch_join", "input_producer", "limit_epochs", "match_filenames_once",
    "maybe_batch", "maybe_batch_join", "maybe_shuffle_batch", "maybe_shuffle_batch_join",
    "range_input_producer", "shuffle_batch", "shuffle_batch_join", "slice_input_producer",
    "string_input_producer",
}  # fmt: skip


# Parts that scripts with loops of their own do without, by the module that has them.
_LATE = {
    "session_run_hook": (
        "SessionRunArgs", "SessionRunContext", "SessionRunHook", "SessionRunValues",
    ),
    "hook_timers": ("NeverTriggerTimer", "SecondOrStepTimer"),
    "control_hooks": (
        "FeedFnHook", "FinalOpsHook", "GlobalStepWaiterHook", "LoggingTensorHook",
        "NanLossDuringTrainingError", "NanTensorHook", "StopAtStepHook",
    ),
    "saving_hooks": (
        "CheckpointSaverHook", "CheckpointSaverListener", "ProfilerHook", "StepCounterHook",
        "SummarySaverHook",
    ),
    "events": ("summary_iterator",),
    "object_checkpoints": ("Checkpoint",),
    "checkpoint_manager": ("CheckpointManager",),
    "scaffold": ("Scaffold",),
    "session_manager": ("SessionManager",),
    "monitored_session": (
        "ChiefSessionCreator", "MonitoredSession", "MonitoredTrainingSession", "SessionCreator",
        "SingularMonitoredSession", "USE_DEFAULT", "WorkerSessionCreator",
    ),
    "supervisor": ("Supervisor", "basic_train_loop"),
    "cluster": ("ClusterSpec", "Server", "replica_device_setter"),
    "sync_replicas": ("SyncReplicasOptimizer",),
    "warm_starting": ("VocabInfo", "init_from_checkpoint", "warm_start"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _LATE.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        import importlib

        return getattr(importlib.import_module(f"graphflow.train.{_MODULE_OF[name]}"), name)
    if name in _THREADS:
        from graphflow.data import coordinator  # most programs have none

        return getattr(coordinator, name)
    if name in _PRODUCERS:
        from graphflow.data import producers

        return getattr(producers, name)
    if name == "queue_runner":
        from graphflow.data import coordinator

        return coordinator
    if name in _MESSAGES:
        from graphflow.protos import message  # imports protobuf

        return message(name)
    from graphflow.compat.before_v1 import old_name  # most scripts are of 1.x

    return old_name(f"train.{name}")
