"""Trains the reader that the product ships: data, windows, model, export and figures."""
