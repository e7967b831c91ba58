"""The XLA engine: the same Programs on GPUs, TPUs and many devices, by way of JAX.

Each primitive is a line of `jax.lax` or `jax.numpy` (elementwise.py, shapes.py, windows.py,
matrices.py, loops.py), and a Program is one function of these, compiled by `jax.jit` under x64
(executable.py), so that int64 and float64 stay what they are. Nothing outside this folder says
"jax".
"""
