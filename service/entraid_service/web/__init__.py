"""Inbound HTTP: health and metrics."""
