"""The array API standard, checked against array-api-strict, its reference, and NumPy."""
