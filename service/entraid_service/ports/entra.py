"""The login side of Entra, Microsoft Graph, and the box for secrets."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from entraid_service.model.changes import GroupFeedItem, UserFeedItem
from entraid_service.model.connection import Connection, Credential, PfxFile
from entraid_service.model.directory import Group, Member, User
from entraid_service.model.ids import GroupId, TenantId, UserId
from entraid_service.model.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An app's token for Microsoft Graph.

    `tenant_id` and `roles` (application permissions) are None where the token did not tell; a token is proof of
    nothing but that Entra issued it to us.
    """

    secret: Secret
    expire_time: datetime
    tenant_id: TenantId | None = None
    roles: tuple[str, ...] | None = None


class TokenSource(Protocol):
    """Tokens of one app in one tenant of one cloud."""

    async def token(self) -> AccessToken:
        """A token that is good for some minutes, from the cache or from Entra; concurrent callers cause one request.

        Raises:
            CredentialsRejected: Entra rejected the app, its credential or the tenant.
            EntraUnavailable: Entra did not answer in time, or throttles.
        """

    async def renew(self, rejected: AccessToken, *, claims_challenge: str = "") -> AccessToken:
        """A token other than one that Graph rejected.

        `claims_challenge` is the decoded JSON of Graph's challenge, if it sent one.

        Raises:
            CredentialsRejected: as `token`.
            EntraUnavailable: as `token`.
        """


class Authority(Protocol):
    """The login side of a cloud."""

    def token_source(self, *, tenant: str, client_id: str, credential: Credential) -> TokenSource:
        """Tokens for an app in a tenant (GUID or verified domain). Does no I/O; nothing is shared between two sources.

        Raises:
            CredentialsRejected: The credential is malformed, for example a certificate that is no PEM.
        """

    async def plain(self, credential: Credential | PfxFile) -> Credential:
        """The credential in the form in which it is proved and kept: a PFX becomes its certificate.

        Raises:
            CredentialsRejected: A PFX cannot be opened, or a certificate is not usable.
        """

    def credential_expire_time(self, credential: Credential) -> datetime | None:
        """When a credential ends; None if it does not tell, as a client secret.

        Raises:
            CredentialsRejected: The credential is malformed.
        """

    async def resolve_tenant(self, tenant: str) -> TenantId:
        """The id of a tenant that is given by id or verified domain.

        Raises:
            CredentialsRejected: Entra knows no such tenant (AADSTS90002).
            TenantUntold: Its documents do not tell the id.
            EntraUnavailable: Entra did not answer in time.
        """


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object that could not be read and was left out: its id, if it had one, and what was odd about it."""

    id: str
    problem: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some objects of a list, in no particular order. A page may be empty while more follow."""

    items: Sequence[T]
    skipped: Sequence[Skipped] = ()


@dataclass(frozen=True, slots=True)
class FeedPage(Generic[T]):
    """Some changes of a round. The last page of a round, and no other, carries the link for the next round."""

    items: Sequence[T]
    skipped: Sequence[Skipped] = ()
    next_round: str = ""


@dataclass(slots=True)
class RequestCount:
    """How many requests went to Microsoft Graph, and how many of them it answered with a throttle."""

    sent: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class AccessProbe:
    """What a tenant's Graph lets an app read, found by trying: the permissions that it lacks, by name."""

    missing_permissions: tuple[str, ...]


class DirectorySource(Protocol):
    """One tenant's directory as Microsoft Graph shows it.

    Each iterator ends only when Graph said that the list is complete; whatever is wrong before that is an error, and
    what was read until then is worth nothing. Objects may come twice. All of them raise:

        CredentialsRejected, EntraUnavailable: as `TokenSource.token`.
        PermissionMissing: Graph answered 403.
        GraphThrottled, GraphUnavailable: after bounded retries.
        NotOffered: this Graph has no such resource.
        ListExpired: Graph dropped the list's paging state; what was read of this list is to be dropped and read again.
    """

    @property
    def requests(self) -> RequestCount:
        """The count so far, live."""

    async def probe(self, attributes: Collection[str] = ()) -> AccessProbe:
        """Tries to read one user, with those of the attributes that need more permission, one group, its members."""

    def users(self, attributes: Collection[str], *, with_managers: bool = True) -> AsyncIterator[Page[User]]:
        """Every user with these attributes (Microsoft Graph names) and the manager's id.

        Raises:
            NotOffered: Graph tells managers neither with the users nor one by one.
        """

    def groups(self) -> AsyncIterator[Page[Group]]:
        """Every group, without members."""

    def members(self, group_id: GroupId) -> AsyncIterator[Page[Member]]:
        """Every direct member of a group.

        Raises:
            GroupGone: the group was deleted meanwhile.
            PermissionMissing: also where the membership is hidden and the app may not see it.
        """


class ChangeSource(Protocol):
    """What changed in one tenant's directory, by Microsoft Graph's delta queries.

    Raises as `DirectorySource`, and:

        FeedUnsupported: this tenant's Graph has no such feed (External ID tenants have none).
        ListExpired: the link is too old, in whichever form Graph says so; everything is to be read again.
    """

    def user_changes(self, attributes: Collection[str], *, link: str = "") -> AsyncIterator[FeedPage[UserFeedItem]]:
        """A round of the users' feed, managers included. Without a link it is an empty round that starts from now."""

    def group_changes(
        self, *, link: str = "", only: Collection[GroupId] = ()
    ) -> AsyncIterator[FeedPage[GroupFeedItem]]:
        """A round of the groups' feed with members. Without a link it tells everything there is.

        `only` narrows a round to at most 50 groups. The link carries it on; a Graph that narrows nothing is
        not believed.
        """

    def managers(self) -> AsyncIterator[Page[tuple[UserId, UserId | None]]]:
        """Every user's manager, as the first round of the users' feed tells them."""

    async def manager(self, user_id: UserId) -> UserId | None:
        """The manager of one user.

        Raises:
            NotOffered: Graph tells no single managers.
        """

    async def user(self, user_id: UserId, attributes: Collection[str]) -> User | None:
        """One user with his manager, None if there is none (any more)."""

    async def group(self, group_id: GroupId) -> Group | None:
        """One group without its members, None if there is none (any more)."""

    async def groups_named(self, display_name: str) -> Sequence[Group]:
        """Every group of this display name, ignoring case."""

    def groups_of(self, user_id: UserId) -> AsyncIterator[Page[GroupId]]:
        """Every group that a user is in, nested ones included; nothing if the user is gone.

        Raises:
            NotOffered: Graph does not tell the groups of users.
        """


class TenantSource(DirectorySource, ChangeSource, Protocol):
    """Everything that is read of a tenant."""


class Graph(Protocol):
    """Microsoft Graph of a cloud."""

    def directory(self, tokens: TokenSource) -> TenantSource:
        """The directory of the tenant that these tokens are for. Does no I/O."""


class Tenants(Protocol):
    """The way from a connection to its directory."""

    async def directory(self, connection: Connection) -> TenantSource:
        """The connection's directory, with its own credential; tokens are kept from call to call.

        Raises:
            SecretUnreadable: The stored credential cannot be decrypted.
            CredentialsRejected: The stored credential is malformed.
            ConsentPending: The connection has no credential yet.
            ResourceNotFound: The connection is gone.
        """


class SecretBox(Protocol):
    """Encrypts what must not lie in the database as it is."""

    def seal(self, plaintext: Secret, *, context: str) -> bytes:
        """The ciphertext, bound to its context (connection and field): opened under another one it is an error."""

    def open(self, sealed: bytes, *, context: str) -> Secret:
        """The plaintext.

        Raises:
            SecretUnreadable: no key fits, or ciphertext or context were altered.
        """
