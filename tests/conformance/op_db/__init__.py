"""PyTorch's own database of operators and their sample inputs, run through Gradatim."""
