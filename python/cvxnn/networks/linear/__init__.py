"""Deep and convolutional linear networks."""
