"""A typed asyncio client of the entraid service, and the command line `entraidctl` over it.

Needs neither the service nor what the service needs: gRPC and protobuf, and click and rich for the command line.
"""

from entraid_client.access import BatchOutcome, evaluation, is_allowed
from entraid_client.authorization import (
    Authorization,
    ClientCertificate,
    ClientPfx,
    ClientSecret,
    ConsentByAdministrator,
    Secret,
    ServiceWorkload,
)
from entraid_client.channel import Tls
from entraid_client.client import EntraidClient
from entraid_client.errors import EntraidError, FieldViolation, Problem
from entraid_client.retry import RetryPolicy

__all__ = [
    "Authorization",
    "BatchOutcome",
    "ClientCertificate",
    "ClientPfx",
    "ClientSecret",
    "ConsentByAdministrator",
    "EntraidClient",
    "EntraidError",
    "FieldViolation",
    "Problem",
    "RetryPolicy",
    "Secret",
    "ServiceWorkload",
    "Tls",
    "evaluation",
    "is_allowed",
]
