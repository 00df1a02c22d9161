"""Inbound HTTP: health, metrics, and the page on which an administrator connects a tenant."""
