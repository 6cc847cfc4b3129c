"""Every optimal network of a training problem."""
