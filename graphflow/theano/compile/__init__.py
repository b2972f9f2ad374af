"""`theano.compile`: functions, shared variables, and modes, which change nothing here."""

from graphflow.theano.calling import Function, In, Out, Param, function
from graphflow.theano.compile import mode, sharedvalue
from graphflow.theano.compile.mode import (
    FAST_COMPILE,
    FAST_RUN,
    Mode,
    get_default_mode,
    get_mode,
)
from graphflow.theano.errors import UnusedInputError
from graphflow.theano.sharing import SharedVariable, shared
