"""Which modules of PyTorch's stand for which of ours."""

from __future__ import annotations

_NN = ["gradatim.nn"]
_DATA = ["gradatim.data"]
_DISTRIBUTIONS = ["gradatim.distributions"]

ROOMS: dict[str, list[str]] = {
    "nn": _NN,
    "nn.functional": ["gradatim.nn.functional"],
    "nn.init": ["gradatim.nn.init"],
    "nn.parameter": ["gradatim.nn.parameter", *_NN],
    "nn.parallel": ["gradatim.nn.parallel"],
    "nn.utils": ["gradatim.nn.utils"],
    "nn.utils.clip_grad": ["gradatim.nn.utils"],
    "nn.utils.parametrizations": ["gradatim.nn.utils.parametrizations"],
    "nn.utils.parametrize": ["gradatim.nn.utils.parametrize"],
    "nn.utils.rnn": ["gradatim.nn.utils.rnn"],
    "nn.modules": _NN,
    **{
        f"nn.modules.{name}": _NN
        for name in (
            "activation", "batchnorm", "container", "conv", "dropout", "linear", "loss", "module",
            "normalization", "pooling", "rnn", "sparse", "transformer", "utils",
        )
    },
    "optim": ["gradatim.optim"],
    "optim.lr_scheduler": ["gradatim.optim.lr_scheduler", "gradatim.frontends.torch.schedules"],
    "optim.optimizer": ["gradatim.optim.optimizer"],
    "optim.swa_utils": ["gradatim.optim.swa_utils"],
    **{f"optim.{name}": ["gradatim.optim"] for name in ("adam", "adamw", "sgd", "rmsprop")},
    "autograd": [
        "gradatim.frontends.torch.variable", "gradatim.frontends.torch.anomalies",
        "gradatim.autograd",
    ],
    "autograd.function": ["gradatim.autograd"],
    "autograd.functional": ["gradatim.autograd.functional", "gradatim.autograd.transforms"],
    "autograd.variable": ["gradatim.frontends.torch.variable"],
    "func": ["gradatim.func"],
    "utils": ["gradatim.utils"],
    "utils.checkpoint": ["gradatim.utils.checkpoint"],
    "utils.data": _DATA,
    **{f"utils.data.{name}": _DATA for name in ("dataloader", "dataset", "sampler")},
    "distributions": _DISTRIBUTIONS,
    **{
        f"distributions.{name}": _DISTRIBUTIONS
        for name in (
            "bernoulli", "beta", "binomial", "categorical", "constraints", "dirichlet",
            "distribution", "exponential", "gamma", "independent", "kl", "laplace",
            "multivariate_normal", "normal", "one_hot_categorical", "transforms", "uniform",
        )
    },
    "linalg": ["gradatim.linalg"],
    "special": ["gradatim.special"],
    "signal": ["gradatim.signal"],
    "signal.windows": ["gradatim.signal.windows"],
    "random": ["gradatim.random"],
    "functional": ["gradatim"],
    "serialization": ["gradatim.frontends.torch.files"],
    "testing": ["gradatim.frontends.torch.closeness"],
}  # fmt: skip
