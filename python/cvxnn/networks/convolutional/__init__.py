"""Convolutional networks of two layers, and max pooling."""
