"""What is said about parts of PyTorch that are not here and that programs often use."""

HINTS = {
    "distributed": "Gradatim trains in one process",
    "multiprocessing": "Python's own multiprocessing does what it did",
    "quantization": "weights and values are floating here",
    "ao": "weights and values are floating here",
    "sparse": "tensors are dense here",
    "sparse_coo_tensor": "tensors are dense here; torch.zeros(...).index_put_(...) makes one",
    "onnx": "gradatim.save_model writes a model as safetensors",
    "hub": "there is no download: load the weights from a file with torch.load",
    "fx": "gradatim.explain_program shows the graph of a computation",
    "profiler": "the command  gradatim profile  shows where the time of a training step goes",
    "complex": "there are no complex numbers here",
    "complex64": "there are no complex numbers here",
    "complex128": "there are no complex numbers here",
    "cfloat": "there are no complex numbers here",
    "fft": "there are no complex numbers here",
    "stft": "there are no complex numbers here",
}
