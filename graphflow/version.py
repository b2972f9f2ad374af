"""The version, read by the build; and what scripts are told that ask for TensorFlow's."""

VERSION = "0.1.0"
API_VERSION = "1.15.5"  # of TensorFlow, whose names and behaviour these are
# ``tf.__version__``: scripts compare it with versions of TensorFlow.
FULL_VERSION = f"{API_VERSION}+graphflow.{VERSION}"
