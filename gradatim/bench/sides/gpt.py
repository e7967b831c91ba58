"""A training step of a GPT in bf16 in each library: pre-norm blocks, causal attention, tied output.

Radford et al., "Language Models are Unsupervised Multitask Learners" (2019): 124 million parameters
with the sizes below. Weights are float32, products bfloat16, the loss float32; AdamW.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sizes:
    """Of the network and of a batch."""

    width: int = 768
    blocks: int = 12
    heads: int = 12
    context: int = 1024
    words: int = 50257
    batch: int = 8
    device: str = "cuda"

    def data(self) -> tuple[Any, Any]:
        """Words and the words that follow them, int64 [batch, context]."""
        drawn = np.random.default_rng(0).integers(0, self.words, (self.batch, self.context + 1))
        return drawn[:, :-1].copy(), drawn[:, 1:].copy()


def build(nn: Any, functional: Any, numbers: Any, s: Sizes) -> Any:
    """The network of modules of Gradatim or of PyTorch, whose names are the same.

    Args:
        numbers: 0 to context - 1, a tensor.
    """

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(s.width), nn.LayerNorm(s.width)
            self.qkv, self.out = nn.Linear(s.width, 3 * s.width), nn.Linear(s.width, s.width)
            self.up, self.down = nn.Linear(s.width, 4 * s.width), nn.Linear(4 * s.width, s.width)

        def forward(self, x: Any) -> Any:
            parts = self.qkv(self.before(x)).reshape(
                s.batch, s.context, 3, s.heads, s.width // s.heads
            )
            q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(s.batch, s.context, s.width))
            hidden = functional.gelu(self.up(self.between(x)), approximate="tanh")
            return x + self.down(hidden)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(s.words, s.width)
            self.places = nn.Embedding(s.context, s.width)
            self.blocks = nn.Sequential(*[Block() for _ in range(s.blocks)])
            self.after = nn.LayerNorm(s.width)
            self.register_buffer("numbers", numbers)

        def forward(self, words: Any) -> Any:
            x = self.words(words) + self.places(self.numbers)
            return functional.linear(self.after(self.blocks(x)), self.words.weight)

    return GPT()


def ours(s: Sizes) -> Any:
    """Gradatim."""
    import gradatim as gd
    from gradatim.precision import in_bfloat16

    device = gd.device(s.device)
    functional = gd.nn.functional
    model = build(gd.nn, functional, gd.arange(s.context), s).to(device)
    forward = in_bfloat16(model)
    optimizer = gd.optim.AdamW(model.parameters(), lr=1e-4)

    @gd.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = functional.cross_entropy(forward(x).reshape(-1, s.words), y.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.detach()

    x, y = (gd.tensor(a).to(device) for a in s.data())
    return lambda: step(x, y)


def torch_eager(s: Sizes) -> Any:
    """PyTorch under autocast, with its fused AdamW."""
    import torch

    device = torch.device(s.device)
    functional = torch.nn.functional
    model = build(torch.nn, functional, torch.arange(s.context), s).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    x, y = (torch.tensor(a).to(device) for a in s.data())

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(x)
        loss = functional.cross_entropy(logits.float().reshape(-1, s.words), y.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def torch_compiled(s: Sizes) -> Any:
    """PyTorch under torch.compile."""
    import torch

    torch._dynamo.reset()
    return torch.compile(torch_eager(s))


def in_jax(s: Sizes) -> Any:
    """JAX: one jitted function, parameters and state donated."""
    import jax
    import jax.numpy as jnp
    import optax

    rng = np.random.default_rng(0)
    c = s.width

    def matrix(*shape: int) -> Any:
        return jnp.asarray(0.02 * rng.standard_normal(shape), jnp.float32)

    def norm() -> Any:
        return jnp.ones(c), jnp.zeros(c)

    def linear(i: int, o: int) -> Any:
        return matrix(i, o), jnp.zeros(o)

    parameters: Any = {
        "words": matrix(s.words, c), "places": matrix(s.context, c), "after": norm(),
        "blocks": [
            {"before": norm(), "qkv": linear(c, 3 * c), "out": linear(c, c), "between": norm(),
             "up": linear(c, 4 * c), "down": linear(4 * c, c)}
            for _ in range(s.blocks)
        ],
    }  # fmt: skip
    optimizer = optax.adamw(1e-4, weight_decay=0.01)

    def normalize(p: Any, x: Any) -> Any:
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(-1, keepdims=True)
        scaled = centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return (scaled * p[0] + p[1]).astype(jnp.bfloat16)

    def apply(p: Any, x: Any) -> Any:
        return x @ p[0].astype(jnp.bfloat16) + p[1].astype(jnp.bfloat16)

    def loss_of(p: Any, x: Any, y: Any) -> Any:
        words = p["words"].astype(jnp.bfloat16)
        h = words[x] + p["places"].astype(jnp.bfloat16)
        for b in p["blocks"]:
            parts = apply(b["qkv"], normalize(b["before"], h))
            q, k, v = jnp.moveaxis(parts.reshape(*x.shape, 3, s.heads, c // s.heads), 2, 0)
            mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
            h = h + apply(b["out"], mixed.reshape(*x.shape, c))
            h = h + apply(b["down"], jax.nn.gelu(apply(b["up"], normalize(b["between"], h))))
        logits = (normalize(p["after"], h) @ words.T).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def train(p: Any, state: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(p, x, y)
        updates, state = optimizer.update(grads, state, p)
        return optax.apply_updates(p, updates), state, loss

    run = jax.jit(train, donate_argnums=(0, 1))
    kept = [parameters, optimizer.init(parameters)]
    x, y = (jnp.asarray(a) for a in s.data())

    def step() -> Any:
        kept[0], kept[1], loss = run(*kept, x, y)
        return loss

    return step


STEPS = {"gradatim": ours, "torch": torch_eager, "compile": torch_compiled, "jax": in_jax}
