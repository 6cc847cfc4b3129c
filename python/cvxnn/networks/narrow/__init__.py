"""Deep networks with one neuron a layer, on one feature."""
