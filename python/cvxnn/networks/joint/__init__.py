"""Neurons that several outputs share."""
