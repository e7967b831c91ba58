"""Other frameworks' names on ours: programs written for PyTorch or for TensorFlow-1 graphs.

`gradatim run script.py` runs such a program as it is (`running`): for that run alone, `import
torch`, `import torchvision` and `import tensorflow` find the packages here (`importing`). In one's
own code, `import gradatim.frontends.torch as torch` does the same.

torch/        PyTorch, of 2018 and of today: Gradatim's own names, and what only old scripts use
torchvision/  its MNIST, and the usual transforms
tensorflow/   TensorFlow 1: a symbolic graph of its own, and sessions that make Programs of it
names         modules whose names are kept elsewhere, and what is said about a missing one
"""
