"""Explain: what happens inside a step, for people who want to see it.

watching     which Programs a function runs
program      their kernels, as text
profile      how long each kernel takes
"""
