"""The native function that CPython calls to run a plan, as LLVM IR.

One function serves every plan: what it must check and make is data. It is a ``METH_FASTCALL``
function whose `self` is an int64 ndarray, the descriptor; the words of the descriptor and of its
records of inputs and outputs are named here and filled in `runtime.fastcall`.

It reads the structs of NumPy arrays, NumPy scalars and Python floats directly, at offsets that hold
for CPython 3.10 to 3.13 and NumPy 1.26 to 2.x on 64-bit machines (`runtime.fastcall` checks them
on live objects before it uses this code). Whatever is not exactly what the plan expects goes to the
fallback, a Python callable, so this code need not know how to convert anything.

No Python code can run between taking the executable's lock and giving it back, except what the plan
itself calls: outputs are allocated before, scalars are made after.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from graphflow.codegen.control import (
    INDEX,
    POINTER,
    constant,
    counted_loop,
    indirect_call,
    leave_if,
    stack_memory,
)

INT = ir.IntType(32)
BYTE = ir.IntType(8)
BIT = ir.IntType(1)
DOUBLE = ir.DoubleType()
VOID = ir.VoidType()
NULL = ir.Constant(POINTER, None)

FUNCTION_NAME = "graphflow_fastcall"

# Words of the descriptor.
ENTRY, TABLE, LOCK, RELEASE_GIL, FALLBACK, ON_ERROR, FORM = range(7)
NUM_INPUTS, INPUTS, NUM_OUTPUTS, OUTPUTS, NUM_ITEMS, ITEMS = range(7, 13)
ARRAY_TYPE, FLOAT_TYPE, INT_TYPE, NONE = range(13, 17)
NEW_FROM_DESCR, SET_BASE_OBJECT, TO_SCALAR = range(17, 20)
OWNER = 20
DESCRIPTOR_WORDS = 21

FORM_NONE, FORM_SINGLE, FORM_LIST, FORM_TUPLE = range(4)

# Words of a record of an input; an output has the first four and `OUTPUT_BASES`.
SLOT, DESCR, RANK, DIMENSIONS, TYPE_NUMBER, SCALAR_TYPE, PYTHON_KIND = range(7)
OUTPUT_BASES = 4
RECORD_WORDS = 8
BASES_PER_OUTPUT = 4

# What a Python number may become: `PYTHON_KIND` of a 0-d input.
KIND_OTHER, KIND_F32, KIND_F64, KIND_I32, KIND_I64 = range(5)

# Byte offsets in the structs of CPython and NumPy.
OBJECT_TYPE, SCALAR_VALUE = 8, 16
ARRAY_DATA, ARRAY_RANK, ARRAY_DIMENSIONS, ARRAY_DESCR, ARRAY_FLAGS = 16, 24, 32, 56, 64
DESCR_BYTE_ORDER, DESCR_TYPE_NUMBER = 26, 28
CONTIGUOUS_ALIGNED = 0x101  # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED
CARRAY = 0x501  # the same, writeable

# CPython's functions that the code calls by name.
PYTHON_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "Py_IncRef": (VOID, [POINTER]),
    "Py_DecRef": (VOID, [POINTER]),
    "PyErr_Occurred": (POINTER, []),
    "PyEval_SaveThread": (POINTER, []),
    "PyEval_RestoreThread": (VOID, [POINTER]),
    "PyThread_acquire_lock": (INT, [POINTER, INT]),
    "PyThread_release_lock": (VOID, [POINTER]),
    "PyThread_get_thread_ident": (INDEX, []),
    "PyLong_FromLongLong": (POINTER, [INDEX]),
    "PyLong_AsLongLongAndOverflow": (INDEX, [POINTER, POINTER]),
    "PyTuple_New": (POINTER, [INDEX]),
    "PyTuple_SetItem": (INT, [POINTER, INDEX, POINTER]),
    "PyList_New": (POINTER, [INDEX]),
    "PyList_SetItem": (INT, [POINTER, INDEX, POINTER]),
    "PyObject_CallObject": (POINTER, [POINTER, POINTER]),
}

RUN = ir.FunctionType(INT, [POINTER])
NEW_FROM_DESCR_TYPE = ir.FunctionType(
    POINTER, [POINTER, POINTER, INT, POINTER, POINTER, POINTER, INT, POINTER]
)
SET_BASE_OBJECT_TYPE = ir.FunctionType(INT, [POINTER, POINTER])
TO_SCALAR_TYPE = ir.FunctionType(POINTER, [POINTER, POINTER, POINTER])


def fastcall_module() -> ir.Module:
    """Build the module that defines ``graphflow_fastcall(self, args, nargs)``."""
    module = ir.Module("graphflow_fastcall")
    for name, (result, arguments) in PYTHON_FUNCTIONS.items():
        ir.Function(module, ir.FunctionType(result, arguments), name)
    check_number = _emit_check_number(module)
    check_input = _emit_check_input(module, check_number)
    make_output = _emit_make_output(module)
    _FastcallEmitter(module, check_input, make_output).emit()
    return module


def _at(builder: ir.IRBuilder, base: Any, offset: int) -> Any:
    """Address `offset` bytes into a struct."""
    return builder.gep(base, [constant(offset)], inbounds=True, source_etype=BYTE)


def _word(builder: ir.IRBuilder, base: Any, index: Any, typ: Any = INDEX) -> Any:
    """Load word `index` of an array of 8-byte words."""
    place = index if not isinstance(index, int) else constant(index)
    return builder.load(builder.gep(base, [place], inbounds=True, source_etype=INDEX), typ=typ)


def _call(builder: ir.IRBuilder, name: str, *arguments: Any) -> Any:
    return builder.call(builder.module.globals[name], arguments)


def _is_null(builder: ir.IRBuilder, pointer: Any) -> Any:
    return builder.icmp_unsigned("==", pointer, NULL)


def _function(module: ir.Module, name: str, arguments: list[Any]) -> Any:
    function = ir.Function(module, ir.FunctionType(POINTER, arguments), name)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _emit_check_number(module: ir.Module) -> ir.Function:
    """``check_number(descriptor, record, object, cell)``: a Python number for a 0-d input.

    Writes the converted value to the cell and returns the cell, or null where NumPy's conversion
    might warn, round in another way, or fail.
    """
    function, builder = _function(module, "check_number", [POINTER] * 4)
    function.linkage = "internal"
    descriptor, record, value, cell = function.args
    reject = function.append_basic_block("reject")
    accept = function.append_basic_block("accept")
    overflow = stack_memory(builder, INT)
    kind = _word(builder, record, PYTHON_KIND)
    kind_type = builder.load(_at(builder, value, OBJECT_TYPE), typ=POINTER)

    is_float = builder.icmp_unsigned(
        "==", kind_type, _word(builder, descriptor, FLOAT_TYPE, POINTER)
    )
    with builder.if_then(is_float):
        number = builder.load(_at(builder, value, SCALAR_VALUE), typ=DOUBLE)
        cases = builder.switch(kind, reject)
        cases.add_case(constant(KIND_F64), _store_case(builder, number, cell, accept))
        narrow = function.append_basic_block("narrow")
        cases.add_case(constant(KIND_F32), narrow)
        builder.position_at_end(narrow)
        size = builder.call(module.declare_intrinsic("llvm.fabs", [DOUBLE]), [number])
        # NumPy warns when a finite number becomes infinite.
        too_large = builder.and_(
            builder.fcmp_ordered(">", size, ir.Constant(DOUBLE, 3.4028234663852886e38)),
            builder.fcmp_ordered("!=", size, ir.Constant(DOUBLE, float("inf"))),
        )
        leave_if(builder, too_large, reject)
        builder.store(builder.fptrunc(number, ir.FloatType()), cell)
        builder.branch(accept)
        builder.position_at_end(function.append_basic_block())

    is_int = builder.icmp_unsigned("==", kind_type, _word(builder, descriptor, INT_TYPE, POINTER))
    leave_if(builder, builder.not_(is_int), reject)
    number = _call(builder, "PyLong_AsLongLongAndOverflow", value, overflow)
    overflowed = builder.icmp_signed("!=", builder.load(overflow, typ=INT), INT(0))
    leave_if(builder, overflowed, reject)
    limits = {KIND_F32: 1 << 24, KIND_F64: 1 << 53, KIND_I32: (1 << 31) - 1}
    cases = builder.switch(kind, reject)
    cases.add_case(constant(KIND_I64), _store_case(builder, number, cell, accept))
    for case, limit in limits.items():
        block = function.append_basic_block("int")
        cases.add_case(constant(case), block)
        builder.position_at_end(block)
        # Within these bounds the conversion is exact, so there is but one result.
        below = builder.icmp_signed("<=", number, constant(limit))
        leave_if(builder, builder.not_(below), reject)
        above = builder.icmp_signed(">=", number, constant(-limit))
        leave_if(builder, builder.not_(above), reject)
        if case == KIND_I32:
            builder.store(builder.trunc(number, INT), cell)
        else:
            typ = ir.FloatType() if case == KIND_F32 else DOUBLE
            builder.store(builder.sitofp(number, typ), cell)
        builder.branch(accept)

    builder.position_at_end(accept)
    builder.ret(cell)
    builder.position_at_end(reject)
    builder.ret(NULL)
    return function


def _store_case(builder: ir.IRBuilder, number: Any, cell: Any, accept: ir.Block) -> ir.Block:
    """Return a new block that stores a number as it is and accepts it."""
    block = builder.append_basic_block("store")
    with builder.goto_block(block):
        builder.store(number, cell)
        builder.branch(accept)
    return block


def _emit_check_input(module: ir.Module, check_number: ir.Function) -> ir.Function:
    """``check_input(descriptor, record, object, cell)``: address of the input's data, or null."""
    function, builder = _function(module, "check_input", [POINTER] * 4)
    function.linkage = "internal"
    descriptor, record, value, cell = function.args
    reject = function.append_basic_block("reject")
    not_array = function.append_basic_block("not_array")
    rank = _word(builder, record, RANK)
    kind_type = builder.load(_at(builder, value, OBJECT_TYPE), typ=POINTER)
    array_type = _word(builder, descriptor, ARRAY_TYPE, POINTER)
    leave_if(builder, builder.icmp_unsigned("!=", kind_type, array_type), not_array)

    flags = builder.load(_at(builder, value, ARRAY_FLAGS), typ=INT)
    wanted = INT(CONTIGUOUS_ALIGNED)
    leave_if(builder, builder.icmp_signed("!=", builder.and_(flags, wanted), wanted), reject)
    array_rank = builder.sext(builder.load(_at(builder, value, ARRAY_RANK), typ=INT), INDEX)
    leave_if(builder, builder.icmp_signed("!=", array_rank, rank), reject)
    descr = builder.load(_at(builder, value, ARRAY_DESCR), typ=POINTER)
    other = builder.icmp_unsigned("!=", descr, _word(builder, record, DESCR, POINTER))
    with builder.if_then(other):
        number = builder.load(_at(builder, descr, DESCR_TYPE_NUMBER), typ=INT)
        expected = builder.trunc(_word(builder, record, TYPE_NUMBER), INT)
        leave_if(builder, builder.icmp_signed("!=", number, expected), reject)
        order = builder.load(_at(builder, descr, DESCR_BYTE_ORDER), typ=BYTE)
        native = builder.or_(
            builder.icmp_signed("==", order, BYTE(ord("="))),
            builder.icmp_signed("==", order, BYTE(ord("|"))),
        )
        leave_if(builder, builder.not_(native), reject)
    dimensions = builder.load(_at(builder, value, ARRAY_DIMENSIONS), typ=POINTER)
    expected = _word(builder, record, DIMENSIONS, POINTER)
    with counted_loop(builder, 0, rank, name="axis") as axis:
        size, wanted = (_word(builder, array, axis.index) for array in (dimensions, expected))
        leave_if(builder, builder.icmp_signed("!=", size, wanted), reject)
    builder.ret(builder.load(_at(builder, value, ARRAY_DATA), typ=POINTER))

    builder.position_at_end(not_array)
    leave_if(builder, builder.icmp_signed("!=", rank, constant(0)), reject)
    scalar_type = _word(builder, record, SCALAR_TYPE, POINTER)
    with builder.if_then(builder.icmp_unsigned("==", kind_type, scalar_type)):
        builder.ret(_at(builder, value, SCALAR_VALUE))
        builder.position_at_end(function.append_basic_block())
    builder.ret(builder.call(check_number, [descriptor, record, value, cell]))
    builder.position_at_end(reject)
    builder.ret(NULL)
    return function


def _emit_make_output(module: ir.Module) -> ir.Function:
    """``make_output(descriptor, record)``: a new array, or null.

    Null comes with a Python exception when NumPy is out of memory, and without one when the plan
    keeps memory for this output and all of it is in the user's hands.
    """
    function, builder = _function(module, "make_output", [POINTER] * 2)
    function.linkage = "internal"
    descriptor, record = function.args
    array_type = _word(builder, descriptor, ARRAY_TYPE, POINTER)
    new_array = _word(builder, descriptor, NEW_FROM_DESCR, POINTER)
    descr = _word(builder, record, DESCR, POINTER)
    rank = builder.trunc(_word(builder, record, RANK), INT)
    dimensions = _word(builder, record, DIMENSIONS, POINTER)
    bases = _word(builder, record, OUTPUT_BASES, POINTER)

    def new(data: Any, flags: int) -> Any:
        _call(builder, "Py_IncRef", descr)  # NumPy takes one
        arguments = [array_type, descr, rank, dimensions, NULL, data, INT(flags), NULL]
        return indirect_call(builder, new_array, NEW_FROM_DESCR_TYPE, arguments)

    with builder.if_then(_is_null(builder, bases)):
        builder.ret(new(NULL, 0))
        builder.position_at_end(function.append_basic_block())
    exhausted = function.append_basic_block("exhausted")
    found = function.append_basic_block("found")
    with counted_loop(builder, 0, BASES_PER_OUTPUT, name="base") as loop:
        base = _word(builder, bases, loop.index, POINTER)
        leave_if(builder, _is_null(builder, base), exhausted)
        # The low half: from 3.12 on the high one is no part of the count.
        references = builder.load(base, typ=INT)
        leave_if(builder, builder.icmp_signed("==", references, INT(1)), found)
    builder.branch(exhausted)
    builder.position_at_end(exhausted)
    builder.ret(NULL)

    builder.position_at_end(found)
    array = new(builder.load(_at(builder, base, ARRAY_DATA), typ=POINTER), CARRAY)
    with builder.if_then(builder.not_(_is_null(builder, array))):
        _call(builder, "Py_IncRef", base)  # the array takes this one
        set_base = _word(builder, descriptor, SET_BASE_OBJECT, POINTER)
        indirect_call(builder, set_base, SET_BASE_OBJECT_TYPE, [array, base])
    builder.ret(array)
    return function


class _FastcallEmitter:
    """Emits the function that CPython calls."""

    def __init__(
        self, module: ir.Module, check_input: ir.Function, make_output: ir.Function
    ) -> None:
        self.check_input = check_input
        self.make_output = make_output
        self.function, self.builder = _function(module, FUNCTION_NAME, [POINTER, POINTER, INDEX])
        this, self.arguments, self.count = self.function.args
        builder = self.builder
        self.fallback = self.function.append_basic_block("fallback")
        self.release_outputs = self.function.append_basic_block("release_outputs")
        self.descriptor = builder.load(_at(builder, this, ARRAY_DATA), typ=POINTER)
        self.num_inputs = self._field(NUM_INPUTS)
        self.num_outputs = self._field(NUM_OUTPUTS)
        self.inputs = self._field(INPUTS, POINTER)
        self.outputs = self._field(OUTPUTS, POINTER)

    def _field(self, word: int, typ: Any = INDEX) -> Any:
        return _word(self.builder, self.descriptor, word, typ)

    def _record(self, records: Any, index: Any) -> Any:
        record = ir.ArrayType(INDEX, RECORD_WORDS)
        return self.builder.gep(records, [index], inbounds=True, source_etype=record)

    def _element(self, array: Any, index: Any) -> Any:
        return self.builder.gep(array, [index], inbounds=True, source_etype=INDEX)

    def _words(self, count: Any) -> Any:
        """Return stack memory for `count` words."""
        return stack_memory(self.builder, INDEX, count)

    def _cell(self, output: Any) -> Any:
        """Where a 0-d output is written: two words, for complex128."""
        return self._element(self.output_cells, self.builder.mul(output, constant(2)))

    def emit(self) -> None:
        builder = self.builder
        leave_if(builder, builder.icmp_signed("!=", self.count, self.num_inputs), self.fallback)
        self.data = self._words(self.num_inputs)
        self.input_cells = self._words(self.num_inputs)
        self.objects = self._words(self.num_outputs)
        self.output_cells = self._words(builder.mul(self.num_outputs, constant(2)))
        self._check_inputs()
        self._make_outputs()
        status = self._run()
        with builder.if_then(builder.icmp_signed("!=", status, INT(0))):
            self._release_outputs()
            self._call_with_status(status)
        self._make_scalars()
        self._return_result()
        builder.position_at_end(self.release_outputs)
        self._release_outputs()
        error = self.function.append_basic_block("error")
        leave_if(builder, builder.not_(_is_null(builder, _call(builder, "PyErr_Occurred"))), error)
        builder.branch(self.fallback)
        builder.position_at_end(error)
        builder.ret(NULL)
        builder.position_at_end(self.fallback)
        self._call_fallback()

    def _check_inputs(self) -> None:
        builder = self.builder
        with counted_loop(builder, 0, self.num_inputs, name="input") as loop:
            arguments = [
                self.descriptor,
                self._record(self.inputs, loop.index),
                _word(builder, self.arguments, loop.index, POINTER),
                self._element(self.input_cells, loop.index),
            ]
            data = builder.call(self.check_input, arguments)
            leave_if(builder, _is_null(builder, data), self.fallback)
            builder.store(data, self._element(self.data, loop.index))

    def _make_outputs(self) -> None:
        """Allocate the arrays; a null object marks a 0-d output, and what is not made yet."""
        builder = self.builder
        with counted_loop(builder, 0, self.num_outputs, name="clear") as loop:
            builder.store(NULL, self._element(self.objects, loop.index))
        with counted_loop(builder, 0, self.num_outputs, name="output") as loop:
            record = self._record(self.outputs, loop.index)
            is_array = builder.icmp_signed("!=", _word(builder, record, RANK), constant(0))
            with builder.if_then(is_array):
                array = builder.call(self.make_output, [self.descriptor, record])
                leave_if(builder, _is_null(builder, array), self.release_outputs)
                builder.store(array, self._element(self.objects, loop.index))

    def _run(self) -> Any:
        """Fill the pointer table and run the plan, all under the executable's lock."""
        builder = self.builder
        lock = self._field(LOCK, POINTER)
        taken = _call(builder, "PyThread_acquire_lock", lock, INT(0))
        leave_if(builder, builder.icmp_signed("==", taken, INT(0)), self.release_outputs)
        owner = self._field(OWNER, POINTER)
        builder.store(_call(builder, "PyThread_get_thread_ident"), owner)
        table = self._field(TABLE, POINTER)
        with counted_loop(builder, 0, self.num_inputs, name="bind") as loop:
            slot = _word(builder, self._record(self.inputs, loop.index), SLOT)
            builder.store(_word(builder, self.data, loop.index), self._element(table, slot))
        with counted_loop(builder, 0, self.num_outputs, name="bind") as loop:
            slot = _word(builder, self._record(self.outputs, loop.index), SLOT)
            place = self._element(table, slot)
            array = _word(builder, self.objects, loop.index, POINTER)
            with builder.if_else(_is_null(builder, array)) as (scalar, full):
                with scalar:
                    builder.store(self._cell(loop.index), place)
                with full:
                    data = builder.load(_at(builder, array, ARRAY_DATA), typ=POINTER)
                    builder.store(data, place)
        entry = self._field(ENTRY, POINTER)
        with_gil = self.function.append_basic_block("with_gil")
        without_gil = self.function.append_basic_block("without_gil")
        after = self.function.append_basic_block("after")
        long = builder.icmp_signed("!=", self._field(RELEASE_GIL), constant(0))
        builder.cbranch(long, without_gil, with_gil)
        builder.position_at_end(with_gil)
        short_status = indirect_call(builder, entry, RUN, [table])
        builder.branch(after)
        builder.position_at_end(without_gil)
        state = _call(builder, "PyEval_SaveThread")
        long_status = indirect_call(builder, entry, RUN, [table])
        _call(builder, "PyEval_RestoreThread", state)
        builder.branch(after)
        builder.position_at_end(after)
        status = builder.phi(INT)
        status.add_incoming(short_status, with_gil)
        status.add_incoming(long_status, without_gil)
        builder.store(constant(0), owner)
        _call(builder, "PyThread_release_lock", lock)
        return status

    def _make_scalars(self) -> None:
        builder = self.builder
        with counted_loop(builder, 0, self.num_outputs, name="scalar") as loop:
            array = _word(builder, self.objects, loop.index, POINTER)
            with builder.if_then(_is_null(builder, array)):
                descr = _word(builder, self._record(self.outputs, loop.index), DESCR, POINTER)
                scalar = indirect_call(
                    builder,
                    self._field(TO_SCALAR, POINTER),
                    TO_SCALAR_TYPE,
                    [self._cell(loop.index), descr, NULL],
                )
                leave_if(builder, _is_null(builder, scalar), self.release_outputs)
                builder.store(scalar, self._element(self.objects, loop.index))

    def _return_result(self) -> None:
        builder = self.builder
        form = builder.switch(self._field(FORM), self.release_outputs)
        for value, new, set_item in (
            (FORM_LIST, "PyList_New", "PyList_SetItem"),
            (FORM_TUPLE, "PyTuple_New", "PyTuple_SetItem"),
        ):
            block = self.function.append_basic_block("sequence")
            form.add_case(constant(value), block)
            builder.position_at_end(block)
            count = self._field(NUM_ITEMS)
            sequence = _call(builder, new, count)
            leave_if(builder, _is_null(builder, sequence), self.release_outputs)
            with counted_loop(builder, 0, count, name="item") as loop:
                _call(builder, set_item, sequence, loop.index, self._item(loop.index))
            self._release_outputs()
            builder.ret(sequence)
        for value in (FORM_SINGLE, FORM_NONE):
            block = self.function.append_basic_block("single")
            form.add_case(constant(value), block)
            builder.position_at_end(block)
            if value == FORM_SINGLE:
                result = self._item(constant(0))
            else:
                result = self._field(NONE, POINTER)
                _call(builder, "Py_IncRef", result)
            self._release_outputs()
            builder.ret(result)

    def _item(self, index: Any) -> Any:
        """Return a new reference to one item of the result."""
        builder = self.builder
        output = _word(builder, self._field(ITEMS, POINTER), index)
        is_none = builder.icmp_signed("<", output, constant(0))
        place = self._element(self.objects, output)
        none = self._element(self.descriptor, constant(NONE))
        value = builder.load(builder.select(is_none, none, place), typ=POINTER)
        _call(builder, "Py_IncRef", value)
        return value

    def _release_outputs(self) -> None:
        with counted_loop(self.builder, 0, self.num_outputs, name="release") as loop:
            _call(self.builder, "Py_DecRef", _word(self.builder, self.objects, loop.index, POINTER))

    def _call_python(self, function: Any, arguments: Any) -> None:
        """Call a Python function with a tuple, which is released, and return its result."""
        builder = self.builder
        result = _call(builder, "PyObject_CallObject", function, arguments)
        _call(builder, "Py_DecRef", arguments)
        builder.ret(result)

    def _call_with_status(self, status: Any) -> None:
        builder = self.builder
        arguments = _call(builder, "PyTuple_New", constant(1))
        number = _call(builder, "PyLong_FromLongLong", builder.sext(status, INDEX))
        _call(builder, "PyTuple_SetItem", arguments, constant(0), number)
        self._call_python(self._field(ON_ERROR, POINTER), arguments)
        builder.position_at_end(self.function.append_basic_block())

    def _call_fallback(self) -> None:
        builder = self.builder
        arguments = _call(builder, "PyTuple_New", self.count)
        with counted_loop(builder, 0, self.count, name="argument") as loop:
            value = _word(builder, self.arguments, loop.index, POINTER)
            _call(builder, "Py_IncRef", value)
            _call(builder, "PyTuple_SetItem", arguments, loop.index, value)
        self._call_python(self._field(FALLBACK, POINTER), arguments)
