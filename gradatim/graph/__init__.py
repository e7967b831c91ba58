"""The language everything is said in: nodes, primitives, gradients, programs.

This room imports nothing else of the package.
"""
