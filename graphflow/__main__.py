"""``python -m graphflow``: the command line, where the command itself is not on the path."""

import sys

from graphflow.cli.main import main

sys.exit(main())
