"""The CPU compiler: a Program becomes native code through LLVM."""
