"""MultiheadAttention and the Transformer's layers against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from training import CLOSE, array, assert_loads_both_ways, assert_trains_alike
from twins import LIBRARIES, both

import gradatim as gd

LENGTH, KEYS, BATCH, WIDTH = 4, 5, 2, 6


def normal(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape)


def fixed(values):
    """An input that is not trained."""
    return lambda lib: lib.tensor(values)


QUERY, KEY, VALUE = (
    normal(LENGTH, BATCH, WIDTH),
    normal(KEYS, BATCH, WIDTH, seed=1),
    normal(KEYS, BATCH, WIDTH, seed=2),
)
PADDING = np.array([[False, False, False, True, True], [False, False, False, False, True]])
CAUSAL = np.triu(np.ones((LENGTH, LENGTH), bool), 1)
SCORES = normal(LENGTH, KEYS, seed=3)
EACH_HEAD = normal(BATCH * 2, LENGTH, KEYS, seed=4)

# --- attention -----------------------------------------------------------------------------------

ATTENTIONS = [
    ({}, [QUERY, KEY, VALUE], {}),
    ({"bias": False}, [QUERY, KEY, VALUE], {"attn_mask": SCORES}),
    ({"add_bias_kv": True}, [QUERY, KEY, VALUE], {"attn_mask": EACH_HEAD}),
    ({"add_zero_attn": True}, [QUERY, KEY, VALUE], {"key_padding_mask": PADDING}),
    ({"add_bias_kv": True, "add_zero_attn": True}, [QUERY, KEY, VALUE],
     {"key_padding_mask": PADDING, "attn_mask": SCORES > 1, "need_weights": False}),
    ({"kdim": 3, "vdim": 7}, [QUERY, normal(KEYS, BATCH, 3), normal(KEYS, BATCH, 7)],
     {"average_attn_weights": False}),
    ({"kdim": 3, "add_bias_kv": True, "bias": False}, [QUERY, normal(KEYS, BATCH, 3), VALUE], {}),
    ({"batch_first": True}, [normal(BATCH, LENGTH, WIDTH)] * 3, {"need_weights": False}),
    ({"dropout": 0.4}, [QUERY, KEY, VALUE], {}),
    ({"dropout": 0.4}, [QUERY, KEY, VALUE], {"need_weights": False, "attn_mask": SCORES}),
    ({}, [QUERY[:, 0], KEY[:, 0], VALUE[:, 0]], {"key_padding_mask": PADDING[0]}),
    ({}, [QUERY[:, 0], KEY[:, 0], VALUE[:, 0]], {"attn_mask": EACH_HEAD[:2]}),
    ({}, [QUERY[:, 0], KEY[:, 0], VALUE[:, 0]],
     {"need_weights": False, "attn_mask": SCORES > 0.5, "average_attn_weights": False}),
]  # fmt: skip


@pytest.mark.parametrize("options, inputs, masks", ATTENTIONS, ids=lambda x: str(x)[:50])
def test_five_steps_of_attention(options, inputs, masks):
    def call(module, *given):
        lib = torch if isinstance(module, torch.nn.Module) else gd
        made = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in masks.items()}
        return module(*given, **made)

    assert_trains_alike(
        lambda lib, nn: nn.MultiheadAttention(WIDTH, 2, dtype=lib.float64, **options), inputs, call
    )


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_self_attention_with_a_causal_mask(need_weights, batch_first):
    shape = (BATCH, LENGTH, WIDTH) if batch_first else (LENGTH, BATCH, WIDTH)

    def call(module, x):
        lib = torch if isinstance(module, torch.nn.Module) else gd
        return module(
            x, x, x, attn_mask=lib.tensor(CAUSAL), is_causal=True, need_weights=need_weights
        )

    assert_trains_alike(
        lambda lib, nn: nn.MultiheadAttention(
            WIDTH, 3, batch_first=batch_first, dropout=0.2, dtype=lib.float64
        ),
        [normal(*shape)],
        call,
    )


@pytest.mark.parametrize("need_weights", [False, True])
def test_a_query_that_may_look_nowhere(need_weights):
    def script(lib, nn):
        lib.manual_seed(0)
        layer = nn.MultiheadAttention(WIDTH, 2, dtype=lib.float64)
        x = lib.tensor(QUERY).requires_grad_()
        mask = lib.tensor(np.eye(LENGTH, dtype=bool)[:1].repeat(LENGTH, 0) | CAUSAL)
        output = layer(x, x, x, attn_mask=mask, need_weights=need_weights)[0]
        output.sum().backward()
        return array(output), array(x.grad)

    for ours, theirs in zip(*both(script)):
        np.testing.assert_allclose(ours, theirs, **CLOSE, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "build",
    [
        lambda nn, kind: nn.MultiheadAttention(8, 2, **kind),
        lambda nn, kind: nn.MultiheadAttention(8, 2, kdim=3, vdim=5, bias=False, **kind),
        lambda nn, kind: nn.TransformerEncoderLayer(8, 2, 12, **kind),
        lambda nn, kind: nn.TransformerDecoderLayer(8, 2, 12, bias=False, **kind),
        lambda nn, kind: nn.Transformer(8, 2, 2, 1, 12, norm_first=True, **kind),
    ],
)
def test_initial_weights_names_and_stream(build, dtype):
    def script(lib, nn):
        lib.manual_seed(7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = build(nn, {"dtype": getattr(lib, dtype)})
        state = [(k, v.numpy().tolist()) for k, v in layer.state_dict().items()]
        return state, [k for k, _ in layer.named_parameters()], lib.rand(3).tolist(), repr(layer)

    ours, theirs = both(script)
    assert ours == theirs


# --- layers of the Transformer -------------------------------------------------------------------

CAUSAL_FLOAT = np.where(CAUSAL, -np.inf, 0.0)
LAYERS = [
    {},
    {"norm_first": True, "activation": "gelu"},
    {"batch_first": True, "dropout": 0.3},
    {"bias": False, "layer_norm_eps": 1e-2, "dropout": 0.0},
]


def run(lib, nn, module, inputs, masks):
    """Results and gradients in training, and results in evaluation."""
    given = [lib.tensor(x).requires_grad_() for x in inputs]
    made = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in masks.items()}
    output = module(*given, **made)
    (output * output.cos()).sum().backward()
    grads = [array(x.grad) for x in (*given, *module.parameters())]
    return [array(output), *grads, array(module.eval()(*given, **made))]


def shaped(x, options):
    return x.swapaxes(0, 1) if options.get("batch_first") else x


MASKS = {
    "none": {},
    "causal": {"mask": CAUSAL},
    "padding": {"padding": np.array([[False, False, False, True], [False] * 4])},
    "both": {"mask": CAUSAL_FLOAT, "padding": np.where([[0, 0, 0, 1], [0] * 4], -np.inf, 0.0)},
}


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_encoder_layer(options, masks):
    named = {"mask": "src_mask", "padding": "src_key_padding_mask"}
    inputs = [shaped(QUERY, options)]

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 10, dtype=lib.float64, **options)
        given = {named[k]: v for k, v in MASKS[masks].items()}
        return run(lib, nn, layer, inputs, given)

    for ours, theirs in zip(*both(script)):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_decoder_layer(options, masks):
    named = {"mask": "tgt_mask", "padding": "tgt_key_padding_mask"}
    inputs = [shaped(QUERY, options), shaped(KEY, options)]

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.TransformerDecoderLayer(WIDTH, 2, 10, dtype=lib.float64, **options)
        given = {named[k]: v for k, v in MASKS[masks].items()}
        given["memory_mask"] = SCORES > 1
        return run(lib, nn, layer, inputs, given)

    for ours, theirs in zip(*both(script)):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


STACKS = {
    "encoder": lambda nn, options: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, 2, 10, **options), 2
    ),
    "encoder with norm": lambda nn, options: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, 3, 10, **options), 3,
        nn.LayerNorm(WIDTH, dtype=options["dtype"]), enable_nested_tensor=False,
    ),
    "decoder": lambda nn, options: nn.TransformerDecoder(
        nn.TransformerDecoderLayer(WIDTH, 2, 10, **options), 2,
        nn.LayerNorm(WIDTH, dtype=options["dtype"]),
    ),
    "whole": lambda nn, options: nn.Transformer(WIDTH, 2, 2, 1, 10, **options),
}  # fmt: skip


@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize("name", STACKS)
def test_five_steps_of_stacks(name, options):
    inputs = [shaped(QUERY, options)]
    if name in ("decoder", "whole"):
        inputs = [shaped(KEY, options), *inputs]
        if name == "decoder":
            inputs.reverse()

    def call(module, *given):
        lib = torch if isinstance(module, torch.nn.Module) else gd
        mask = lib.tensor(CAUSAL_FLOAT)
        return module(*given, **{"mask" if name.startswith("encoder") else "tgt_mask": mask})

    assert_trains_alike(
        lambda lib, nn: STACKS[name](nn, {"dtype": lib.float64, **options}), inputs, call
    )


@pytest.mark.parametrize(
    "nested, check, place",
    [  # without the check PyTorch reads any mask as if the padding stood at the end
        (True, True, "end"),
        (True, True, "middle"),
        (True, False, "end"),
        (False, True, "end"),
        (False, True, "middle"),
    ],
)
def test_padded_positions_in_evaluation(nested, check, place):
    """Without gradients PyTorch leaves them out, where it may, and gives zeros."""
    columns = [3] if place == "end" else [1]
    padding = np.zeros((BATCH, LENGTH), bool)
    padding[0, columns] = True

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 10, batch_first=True, dtype=lib.float64)
        model = nn.TransformerEncoder(
            layer, 2, nn.LayerNorm(WIDTH, dtype=lib.float64), nested, check
        ).eval()
        x = lib.tensor(QUERY.swapaxes(0, 1))
        with lib.no_grad():
            return array(model(x, src_key_padding_mask=lib.tensor(padding)))

    torch.set_default_device(None)  # any other default turns PyTorch's way to do so off
    ours, theirs = both(script)
    np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_transformer_without_a_batch_and_its_mask():
    def script(lib, nn):
        lib.manual_seed(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = nn.Transformer(WIDTH, 2, 1, 1, 10, dtype=lib.float64)
        mask = model.generate_square_subsequent_mask(LENGTH, dtype=lib.float64)
        output = model(lib.tensor(KEY[:, 0]), lib.tensor(QUERY[:, 0]), tgt_mask=mask)
        small = nn.Transformer.generate_square_subsequent_mask(3)
        return array(output), mask.numpy(), small.numpy()

    for ours, theirs in zip(*both(script)):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_own_encoder_and_activation():
    def script(lib, nn):
        lib.manual_seed(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = nn.Transformer(
                WIDTH, 2, 1, 1, 10, activation=nn.functional.silu, custom_encoder=Doubled(nn),
                dtype=lib.float64,
            )  # fmt: skip
        return array(model(lib.tensor(KEY), lib.tensor(QUERY)))

    def Doubled(nn):
        class Encoder(nn.Module):
            def forward(self, src, **masks):
                return src * 2

        return Encoder()

    ours, theirs = both(script)
    np.testing.assert_allclose(ours, theirs, **CLOSE)


# --- a block of GPT-2 ----------------------------------------------------------------------------


def gpt2_block(lib, nn, n_embd=768, n_head=12):
    """Radford et al., 2019: a normalization before attention and network, and a GELU."""

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn = nn.Linear(n_embd, 3 * n_embd)
            self.c_proj = nn.Linear(n_embd, n_embd)

        def forward(self, x):
            batch, length, _ = x.size()
            q, k, v = self.c_attn(x).split(n_embd, dim=2)
            q, k, v = (
                y.view(batch, length, n_head, n_embd // n_head).transpose(1, 2) for y in (q, k, v)
            )
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).contiguous().view(batch, length, n_embd))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_fc = nn.Linear(n_embd, 4 * n_embd)
            self.gelu = nn.GELU(approximate="tanh")
            self.c_proj = nn.Linear(4 * n_embd, n_embd)
            self.dropout = nn.Dropout(0.1)

        def forward(self, x):
            return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte = nn.Embedding(100, n_embd)
            self.wpe = nn.Embedding(64, n_embd)
            self.ln_1 = nn.LayerNorm(n_embd)
            self.attn = Attention()
            self.ln_2 = nn.LayerNorm(n_embd)
            self.mlp = Network()

        def forward(self, tokens):
            x = self.wte(tokens) + self.wpe(lib.arange(tokens.size(1)))
            x = x + self.attn(self.ln_1(x))
            x = x + self.mlp(self.ln_2(x))
            return x @ self.wte.weight.transpose(0, 1)

    return Block()


def test_a_block_of_gpt2():
    ours, theirs = (gpt2_block(lib, nn).eval() for lib, nn in LIBRARIES)
    counts = [sum(p.numel() for p in model.parameters()) for model in (ours, theirs)]
    assert counts[0] == counts[1] == 7_087_872 + 164 * 768
    assert_loads_both_ways(gpt2_block(gd, gd.nn), theirs)
    ours.load_state_dict({k: gd.tensor(array(v)) for k, v in theirs.state_dict().items()})
    tokens = np.random.RandomState(0).randint(0, 100, (2, 64))
    logits, expected = array(ours(gd.tensor(tokens))), array(theirs(torch.tensor(tokens)))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_small_block_of_gpt2_trains_alike(dtype):
    """Dropout included."""
    tokens = np.random.RandomState(0).randint(0, 100, (2, 16))

    def script(lib, nn):
        lib.set_default_dtype(getattr(lib, dtype))
        try:
            lib.manual_seed(0)
            model = gpt2_block(lib, nn, 24, 3)
        finally:
            lib.set_default_dtype(lib.float32)
        optimizer = lib.optim.AdamW(model.parameters(), lr=1e-2)
        x, losses = lib.tensor(tokens), []
        for _ in range(10):
            logits = model(x[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    ours, theirs = both(script)
    # In float32 the tables are drawn from functions that differ in its last bits.
    np.testing.assert_allclose(ours, theirs, rtol=1e-4 if dtype == "float32" else 1e-9)
    assert ours[-1] < ours[0] / 2
