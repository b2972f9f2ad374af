"""Files beside the caller's: TensorFlow's `tf.resource_loader`."""

import os
import sys


def get_data_files_path() -> str:
    """The folder of the file that calls."""
    return os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))


def get_root_dir_with_all_resources() -> str:
    """The folder of the file that calls."""
    return os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))


def get_path_to_datafile(path: str) -> str:
    """A path beside the file that calls."""
    folder = os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))
    return os.path.join(folder, path)


def load_resource(path: str) -> bytes:
    """The content of a file beside the one that calls."""
    folder = os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))
    with open(os.path.join(folder, path), "rb") as file:
        return file.read()


def readahead_file_path(path: str, readahead: str = "128M") -> str:
    """The path."""
    return path
