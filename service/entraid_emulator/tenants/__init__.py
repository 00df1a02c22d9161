"""Tenants to serve: `contoso` made by hand, `generated` of any size, `recorded` from a file."""
