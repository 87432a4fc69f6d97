"""The deterministic metrics: pure functions on plain values, one file for each thing that is measured."""
