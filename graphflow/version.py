"""The version, read by the build and by `graphflow.__version__`."""

VERSION = "0.1.0"
