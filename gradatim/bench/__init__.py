"""Benchmarks: training steps of Gradatim beside those of PyTorch and JAX, in one process.

workloads    which networks: a table of plain data
operations   how many floating-point operations a step has to do
sides        a step of a workload in Gradatim, PyTorch, torch.compile and JAX
rounds       taking turns, and the probe that tells quiet rounds from disturbed ones
report       the table, the JSON file, the picture

`gradatim bench` is this on the command line. The peers are imported when a side of theirs is made,
and left out where they are not installed.
"""
