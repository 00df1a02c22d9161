"""Messages and stubs of `entraid.v1`, generated from `protos/entraid/v1` by `make protos`."""
