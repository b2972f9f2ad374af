"""A look at the compiler: a softmax written by hand, from the graph to machine code.

    python tutorials/inside_the_compiler.py

The same for any script: `graphflow dump SCRIPT --stage STAGE` (program, rewritten, kernels, plan,
llvm, asm, ptx), `--diff` for what each pass changed, `--why NAME` for what became of one operation.
"""

import numpy as np

import graphflow as tf
from graphflow.cli.dump import stage_text
from graphflow.cli.explain import explanation
from graphflow.inspection import compile_fetches

x = tf.placeholder(tf.float32, [32, 10], name="x")
exponentials = tf.exp(x)
y = tf.log(exponentials / tf.reduce_sum(exponentials, 1, keepdims=True), name="y")

compiled, compilation = compile_fetches([y])
print("As traced: three operations, one of which overflows for large x.\n")
print(stage_text(compilation, "program"))
print("Rewritten: the maximum is taken out first, and the logarithm needs no quotient.\n")
print(stage_text(compilation, "rewritten"))
print("One kernel: a pass over each row, which stays in the cache.\n")
print(stage_text(compilation, "kernels"))
print("Why:\n")
print(explanation(compilation, "y"))
print("Stages, milliseconds:", {k: round(1e3 * s, 1) for k, s in compilation.seconds.items()})

with tf.Session() as session:
    large = np.array([[1000.0] + [0.0] * 9] * 32, np.float32)
    print("For large x:", session.run(y, {x: large})[0, :3])
