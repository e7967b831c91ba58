"""Which operators of the database Gradatim sets out to have, and why it leaves the others out."""

from __future__ import annotations

import functools
from typing import Any

# By the beginning of the name.
FAMILIES_OUT = {
    "fft.": "complex numbers",
    "sparse.": "sparse tensors",
    "masked.": "masked tensors, which PyTorch calls a prototype",
    "torch.ops.aten.": "no public name",
    "torch._scaled_mm": "8-bit matrix products of GPUs",
    "jiterator_": "CUDA source code at run time",
}

_COMPLEX = "complex numbers"
_INTERNAL = "no public name"

OUT = {
    "stft": _COMPLEX,
    "istft": _COMPLEX,
    "view_as_complex": _COMPLEX,
    "view_as_real": _COMPLEX,
    "complex": _COMPLEX,
    "polar": _COMPLEX,
    "chalf": _COMPLEX,
    "cfloat": _COMPLEX,
    "cdouble": _COMPLEX,
    "imag": _COMPLEX,
    "linalg.eig": _COMPLEX,
    "linalg.eigvals": _COMPLEX,
    "to_sparse": "sparse tensors",
    "hash_tensor": "a checksum of bits, in no documentation",
    "_softmax_backward_data": _INTERNAL,
    "_native_batch_norm_legit": _INTERNAL,
    "_batch_norm_with_update": _INTERNAL,
    "_upsample_bilinear2d_aa": _INTERNAL,
    "_unsafe_masked_index": _INTERNAL,
    "_unsafe_masked_index_put_accumulate": _INTERNAL,
    "_chunk_cat": _INTERNAL,
    "_segment_reduce": _INTERNAL,
    "max_pool2d_with_indices_backward": _INTERNAL,
    "nn.functional.silu/complex": _COMPLEX,
    "nn.functional.batch_norm/without_cudnn": "GPUs: the database has no sample for a CPU",
    "native_dropout_backward": _INTERNAL,
    "slice": _INTERNAL,
}


def full_name(op: Any) -> str:
    """`polygamma/polygamma_n_0`."""
    return f"{op.name}/{op.variant_test_name}" if op.variant_test_name else str(op.name)


def why_out(op: Any) -> str | None:
    """Why an operator is out of scope, or None."""
    for beginning, reason in FAMILIES_OUT.items():
        if op.name.startswith(beginning):
            return reason
    return OUT.get(op.name) or OUT.get(full_name(op))


@functools.cache
def operators() -> dict[str, Any]:
    """Every operator in scope, by its full name."""
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, Any] = {}
    for op in op_db:
        if why_out(op) is None:
            name = full_name(op)
            while name in found:  # (a few stand twice, with other sample inputs)
                name += "+"
            found[name] = op
    return found
