"""The LLVM engine: a Program becomes native code for this machine's processor.

schedule   which Nodes form one kernel, and in which order kernels run
emit       text of LLVM IR, instruction by instruction
...        one file for each kind of kernel
threads    the pool that runs the pieces of a kernel
"""
