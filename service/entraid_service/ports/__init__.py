"""What the core needs of the world, as Protocols with their contracts.

`sync`, `connect`, `snapshot` and `evaluate` know these and nothing behind them; `graph`, `oauth` and `store` stand
behind them; `app` puts them together. Every method may raise the errors of `entraid_service.errors` that it names,
and no others but bugs. Cancelling a call leaves the other side whole: a write is done or not done.
"""

from entraid_service.ports.clock import Clock
from entraid_service.ports.consent import ConsentStore, SealedValue, SealedValues, SignIn, SignInAuthority
from entraid_service.ports.decisions import DirectoryView, DirectoryViews, UserRecord
from entraid_service.ports.entra import (
    AccessProbe,
    AccessToken,
    Authority,
    ChangeSource,
    DirectorySource,
    FeedPage,
    Graph,
    Page,
    RequestCount,
    SecretBox,
    Skipped,
    Tenants,
    TenantSource,
    TokenSource,
)
from entraid_service.ports.store import (
    ConnectionStore,
    DirectoryLists,
    DirectoryStore,
    ListedGroup,
    Listing,
    RunStore,
    SealedCredential,
    Staging,
)

__all__ = [
    "AccessProbe",
    "AccessToken",
    "Authority",
    "ChangeSource",
    "Clock",
    "ConnectionStore",
    "ConsentStore",
    "DirectoryLists",
    "DirectorySource",
    "DirectoryStore",
    "DirectoryView",
    "DirectoryViews",
    "FeedPage",
    "Graph",
    "ListedGroup",
    "Listing",
    "Page",
    "RequestCount",
    "RunStore",
    "SealedCredential",
    "SealedValue",
    "SealedValues",
    "SecretBox",
    "SignIn",
    "SignInAuthority",
    "Skipped",
    "Staging",
    "TenantSource",
    "Tenants",
    "TokenSource",
    "UserRecord",
]
