"""Generated stubs of the entraid API; see `entraid_client` for a client written over them."""
