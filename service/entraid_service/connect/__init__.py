"""Bringing a tenant under management: prove the credential, seal it, keep it, open it again. Ports only."""
