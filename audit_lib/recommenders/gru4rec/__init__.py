"""GRU4Rec twice: the independent engine, and an adapter to the official code.

    config, model, losses, optimizer, batches, random_draws    what is computed, in readable form
    reference, fast, kernels, graph    three engines that compute it: autograd, numba, CUDA
    train, scoring, torch_threads    training it, as it is and as its first paper has it, and asking it
    flaws                         as others got it wrong
    official, official_network, workarounds, vendor    the authors' code, fetched and run unchanged
"""
