"""The entraid service: a tenant's directory from Microsoft Graph, and decisions from it over gRPC.

Rooms, in the way of the data: `graph` reads pages, `sync` stages and commits them, `store` keeps them, `snapshot`
holds what a decision needs at one revision, `evaluate` decides, `rpc` answers. `app` builds them all.
"""
