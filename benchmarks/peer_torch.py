"""The workloads in PyTorch, eager or compiled.

Options: ``mode=compile`` compiles forward and backward passes with `torch.compile`; ``layout=last``
keeps images with their channels last in memory. Optimisers are torch's, fused.
"""

from __future__ import annotations

import formulas
import numpy as np
import workloads
from worker import Program, cycle


class Peer:
    """Builds each family as a user of PyTorch would."""

    def __init__(self, options, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.functions = torch.nn.functional
        self.version = torch.__version__
        self.compiled = options.get("mode") == "compile"
        self.last = options.get("layout") == "last"

    # ---- steps ----

    def compile(self, module):
        if not self.compiled:
            return module
        return self.torch.compile(module, fullgraph=True, dynamic=False)

    def laid_out(self, tensor):
        if self.last and tensor.dim() == 4:
            return tensor.contiguous(memory_format=self.torch.channels_last)
        return tensor

    def module(self, data, model, trained):
        """A module with the variables, whose call is ``model(feeds, variables)``."""
        torch = self.torch
        moving = set(data.moving)

        class Net(torch.nn.Module):
            def forward(self, x):
                return model(x, {name: getattr(self, name) for name in data.variables})

        net = Net()
        for name, array in data.variables.items():
            tensor = self.laid_out(torch.tensor(array))
            if name in moving:
                net.register_buffer(name, tensor)
            else:
                parameter = torch.nn.Parameter(tensor, requires_grad=trained)
                net.register_parameter(name, parameter)
        return net

    def feeds(self, data):
        """A function that gives the next batch as tensors, which share memory with its arrays.

        Labels get the type that losses take beforehand.
        """
        torch = self.torch
        kept = [
            {name: x.astype(np.int64) if x.dtype == np.int32 else x for name, x in batch.items()}
            for batch in data.batches
        ]
        following = cycle(kept)
        return lambda: {
            name: self.laid_out(torch.from_numpy(array)) for name, array in following().items()
        }

    def program(self, data, model):
        torch = self.torch
        net = self.compile(self.module(data, model, trained=False))
        feeds = self.feeds(data)

        def step():
            with torch.inference_mode():
                return [result.numpy() for result in net(feeds())]

        return Program(step)

    def gradient(self, data, model):
        """The loss that ``model`` gives and its gradient by the feed x."""
        net = self.compile(self.module(data, model, trained=False))
        feeds = self.feeds(data)

        def step():
            fed = feeds()
            fed["x"].requires_grad_()
            loss = net(fed)
            loss.backward()
            return [loss.detach().numpy(), fed["x"].grad.numpy()]

        return Program(step)

    def training(self, data, optimizer, model):
        torch = self.torch
        kind, rate = optimizer
        net = self.module(data, model, trained=True)
        compiled = self.compile(net)
        feeds = self.feeds(data)
        kept = {}

        def reset():
            with torch.no_grad():
                for name, array in data.variables.items():
                    getattr(net, name).copy_(torch.from_numpy(array))
            optimizers = dict(sgd=torch.optim.SGD, adam=torch.optim.Adam)
            kept["optimizer"] = optimizers[kind](net.parameters(), lr=rate, fused=True)

        def step():
            kept["optimizer"].zero_grad(set_to_none=True)
            loss = compiled(feeds())
            loss.backward()
            kept["optimizer"].step()
            return [loss.detach().numpy()]

        reset()
        return Program(step, reset)

    def network(self, workload, data, logits):
        """Training by the logits' cross entropy, or the logits alone."""
        if workload.optimizer is None:
            return self.program(data, lambda x, v: [logits(x["x"], v)])

        def model(x, v):
            return self.functions.cross_entropy(logits(x["x"], v), x["y"])

        return self.training(data, workload.optimizer, model)

    # ---- parts of models ----

    def linear(self, x, v, layer):
        return self.torch.addmm(v[f"b{layer}"], x, v[f"w{layer}"])

    def dense(self, x, v, count):
        for layer in range(1, count):
            x = self.functions.relu(self.linear(x, v, layer))
        return self.linear(x, v, count)

    def layer_norm(self, x, scale, offset):
        return self.functions.layer_norm(x, (x.shape[-1],), scale, offset, formulas.EPSILON)

    # ---- families ----

    def scalars(self, workload, data):
        return self.program(data, lambda x, v: formulas.scalars(x))

    def elementwise(self, workload, data):
        def model(x, v):
            y = formulas.elementwise(self.torch, x["x"])
            return [y.sum() if workload.sizes["reduced"] else y]

        return self.program(data, model)

    def black_scholes(self, workload, data):
        def model(x, v):
            return [formulas.black_scholes(self.torch, x["price"], x["strike"], x["years"])]

        return self.program(data, model)

    def softmax_cross_entropy(self, workload, data):
        return self.gradient(data, lambda x, v: self.functions.cross_entropy(x["x"], x["y"]))

    def layer_norm_gelu(self, workload, data):
        def model(x, v):
            y = self.functions.gelu(self.layer_norm(x["x"], v["scale"], v["offset"]))
            return y.square().mean()

        return self.gradient(data, model)

    def product(self, workload, data):
        return self.program(data, lambda x, v: [x["left"] @ x["right"]])

    def perceptron(self, workload, data):
        count = len(workload.sizes["layers"]) - 1
        return self.network(workload, data, lambda x, v: self.dense(x, v, count))

    def chain(self, workload, data):
        factors = [float(factor) for factor in data.variables.pop("factors")]
        return self.program(data, lambda x, v: [formulas.chain(self.torch, x["x"], factors)])

    def smile(self, workload, data):
        functions = self.functions
        training = workload.optimizer is not None

        def logits(x, v):
            for layer in "123":
                x = functions.conv2d(x, v["filter" + layer], stride=2)
                x = functions.batch_norm(
                    x,
                    v["mean" + layer],
                    v["variance" + layer],
                    v["scale" + layer],
                    v["offset" + layer],
                    training=training,
                    momentum=1 - formulas.MOMENTUM,
                    eps=formulas.BATCH_EPSILON,
                )
                x = functions.relu(x)
            return self.dense(x.reshape(-1, 1200), v, 2)

        return self.network(workload, workloads.channels_first(data), logits)

    def digits(self, workload, data):
        functions = self.functions

        def logits(x, v):
            for layer in "12":
                x = functions.conv2d(x, v["filter" + layer], v["bias" + layer], padding=2)
                x = functions.max_pool2d(functions.relu(x), 2)
            return self.dense(x.reshape(-1, 3136), v, 2)

        return self.network(workload, workloads.channels_first(data), logits)

    def residual(self, workload, data):
        relu = self.functions.relu

        def convolved(x, v, layer):
            filters, bias = v[f"filter{layer}"], v[f"bias{layer}"]
            return self.functions.conv2d(x, filters, bias, padding=1)

        def model(x, v):
            x = x["x"]
            for layer in range(1, 2 * workload.sizes["blocks"], 2):
                x = relu(x + convolved(relu(convolved(x, v, layer)), v, layer + 1))
            return [x.permute(0, 2, 3, 1)]

        return self.program(workloads.channels_first(data), model)

    def lstm(self, workload, data):
        """torch's own LSTM; compiled, a loop that is unrolled, for it cannot see inside."""
        torch = self.torch
        sizes = workload.sizes
        if self.compiled:
            return self.network(workload, data, self.unrolled_lstm(sizes))
        kernel, bias = data.variables.pop("kernel"), data.variables.pop("bias")
        bias[2 * sizes["hidden"] : 3 * sizes["hidden"]] += 1
        entry, new, forget, leave = np.split(np.vstack([kernel, bias[None]]), 4, axis=1)
        gates = np.hstack([entry, forget, new, leave]).T  # torch's order
        width = sizes["width"]
        parts = [gates[:, :width], gates[:, width:-1], gates[:, -1]]
        parts = [np.ascontiguousarray(part) for part in parts]
        data.variables.update(inputs=parts[0], outputs=parts[1], bias=parts[2])
        data.variables.update(no_bias=np.zeros_like(parts[2]))
        data.moving = ("no_bias",)

        def logits(x, v):
            zeros = x.new_zeros(1, sizes["batch"], sizes["hidden"])
            weights = [v["inputs"], v["outputs"], v["bias"], v["no_bias"]]
            _, output, _ = torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, True, False, True)
            return self.dense(output[0], v, 1)

        return self.network(workload, data, logits)

    def unrolled_lstm(self, sizes):
        torch = self.torch

        def logits(x, v):
            memory = output = x.new_zeros(sizes["batch"], sizes["hidden"])
            for step in range(sizes["steps"]):
                both = torch.cat([x[:, step], output], 1)
                gates = torch.addmm(v["bias"], both, v["kernel"])
                entry, new, forget, leave = gates.chunk(4, 1)
                memory = torch.sigmoid(forget + 1) * memory + torch.sigmoid(entry) * torch.tanh(new)
                output = torch.sigmoid(leave) * torch.tanh(memory)
            return self.dense(output, v, 1)

        return logits

    def transformer(self, workload, data):
        torch, functions = self.torch, self.functions
        sizes = workload.sizes
        batch, length, width = sizes["batch"], sizes["length"], sizes["width"]

        def attention(h, v):
            qkv = torch.addmm(v["qkv_bias"], h, v["qkv"])
            heads = qkv.reshape(batch, length, 3, sizes["heads"], -1).permute(2, 0, 3, 1, 4)
            query, key, value = heads.unbind(0)
            seen = functions.scaled_dot_product_attention(query, key, value)
            joined = seen.transpose(1, 2).reshape(batch * length, width)
            return torch.addmm(v["joined_bias"], joined, v["joined"])

        def model(x, v):
            h = x["x"].reshape(batch * length, width)
            h = h + attention(self.layer_norm(h, v["scale1"], v["offset1"]), v)
            inner = self.linear(self.layer_norm(h, v["scale2"], v["offset2"]), v, 1)
            h = h + self.linear(functions.gelu(inner), v, 2)
            return functions.mse_loss(h, x["y"].reshape(h.shape))

        return self.training(data, workload.optimizer, model)

    def while_loop(self, workload, data):
        torch = self.torch
        count = workload.sizes["count"]

        def eager(x, v):
            x = x["x"]
            for _ in range(count):
                x = formulas.loop_step(torch, x)
            return [x]

        def compiled(x, v):
            from torch._higher_order_ops.while_loop import while_loop

            def more(step, value):
                return step < count

            def body(step, value):
                return step + 1, formulas.loop_step(torch, value)

            return [while_loop(more, body, (torch.zeros((), dtype=torch.int64), x["x"]))[1]]

        return self.program(data, compiled if self.compiled else eager)
