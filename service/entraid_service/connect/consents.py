"""Connecting a tenant by an administrator's consent: the links, the two visits to Entra, the connection at the end.

Order: `ask` makes a link; `open_link` shows what it is for; `begin` sends a browser to sign in; `come_back` takes
Entra's answers, first of the sign-in, then of the consent, and activates the connection; `complete` takes the last
answer from a caller with a page of its own. What follows what, and what is refused, is decided in `consent`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import structlog

from entraid_service.connect import consent as steps
from entraid_service.connect.activation import Activation
from entraid_service.connect.consent import ConsentOrder, Kept
from entraid_service.connect.route import ConsentLink, ConsentSite, Failed, Finished, Forward, cookie_name
from entraid_service.errors import ConsentLapsed, ConsentNotOffered, CredentialsRejected, EntraidError, InvalidField
from entraid_service.model.connection import Connection
from entraid_service.model.consent import Consent, ConsentStep
from entraid_service.model.ids import ConnectionId
from entraid_service.model.secret import Secret
from entraid_service.ports import Clock, ConsentStore, SecretBox, SignInAuthority

_log = structlog.get_logger(__name__)

_ONCE = ("state", "code", "tenant", "error", "admin_consent")


class ConsentDesk:
    """Answers for consents.

    Args:
        sign_in: Entra for the service's own app.
        site: Where browsers go.
        consents: Where consents are kept.
        activation: What makes connections of them.
        box: Seals what is secret of a consent.
        clock: Tells the time.
        on_active: Called with each connection that became active; begins its first sync.
    """

    def __init__(  # noqa: PLR0913 - the parts of one thing, all by keyword
        self,
        *,
        sign_in: SignInAuthority | None,
        site: ConsentSite,
        consents: ConsentStore,
        activation: Activation,
        box: SecretBox,
        clock: Clock,
        on_active: Callable[[ConnectionId], Awaitable[object]],
    ) -> None:
        self._sign_in = sign_in
        self._site = site
        self._consents = consents
        self._activation = activation
        self._box = box
        self._clock = clock
        self._on_active = on_active

    @property
    def site(self) -> ConsentSite:
        """Where browsers go."""
        return self._site

    @property
    def entra_origin(self) -> str:
        """Scheme and host of Entra's pages; empty where consent is not offered."""
        return "" if self._sign_in is None else self._sign_in.origin

    async def ask(self, order: ConsentOrder) -> tuple[Connection, ConsentLink | None]:
        """A connection that waits for consent, and the link to it; a link made before for the connection ends.

        A connection that is active stays so, with its credential, until the consent is complete. With `validate_only`
        nothing is saved and there is no link.

        Raises:
            ConsentNotOffered: The settings name no app of the service's own, or no public URL.
            InvalidField: The redirect URI is not permitted.
            CredentialsRejected: Entra knows no tenant of that name.
            ConnectionExists: The id is taken by another tenant.
            EntraUnavailable: Entra did not answer.
        """
        sign_in = self._offered()
        if order.redirect_uri and order.redirect_uri not in self._site.redirect_uris:
            raise InvalidField(
                "admin_consent.redirect_uri",
                "this page is not among those that the service permits, compared character by character: add it to "
                "`ENTRAID_CONSENT_REDIRECT_URIS`, or leave it out to end on the service's own page",
            )
        connection, named_tenant = await self._activation.prepare(order, client_id=sign_in.client_id)
        if order.validate_only:
            return connection, None
        link, now = steps.new_secret(), self._clock.now()
        consent = steps.new_consent(
            connection, link=link, named_tenant=named_tenant, redirect_uri=order.redirect_uri, now=now
        )
        consent = replace(consent, groups_to_sync=order.groups_to_sync or None)
        await self._activation.save(connection)
        await self._consents.put(self._sealed(consent, Kept(Secret(link))), now=now)
        _log.info("consent_asked", connection=connection.id, consent=consent.id)
        return connection, ConsentLink(f"{self._site.public_url}/connect/{link}", consent.expire_time)

    async def open_link(self, link: str, *, cookies: Mapping[str, str]) -> tuple[Consent, Connection]:
        """What a link is for. Looking at it changes nothing, since mail scanners look at links too.

        Raises:
            ConsentLapsed: The link is not good (any more), or another browser goes on with it.
            ResourceNotFound: The connection is gone.
        """
        found = await self._consents.by_link(steps.digest(link))
        consent = steps.check_open(found, cookie=_cookie(found, cookies), now=self._clock.now())
        return consent, await self._activation.connection(consent)

    async def begin(
        self, link: str, *, cookies: Mapping[str, str], cookie: str, groups_to_sync: tuple[str, ...] | None
    ) -> Forward:
        """Sends a browser to sign in; from now on no other one may go on. `cookie` is what it will show.

        Raises:
            ConsentLapsed: As `open_link`.
            CredentialsRejected: Entra knows no such tenant (any more).
            EntraUnavailable: Entra did not answer.
        """
        sign_in = self._offered()
        consent, _ = await self.open_link(link, cookies=cookies)
        begun = await sign_in.begin(tenant=consent.named_tenant, redirect_uri=self._site.callback)
        step = steps.signing_in(consent, cookie=cookie, state=begun.state, groups_to_sync=groups_to_sync)
        await self._advance(self._sealed(step, Kept(Secret(link), begun.memory)), consent)
        return Forward(begun.url)

    async def come_back(
        self, answer: Sequence[tuple[str, str]], *, cookies: Mapping[str, str]
    ) -> Forward | Finished | Failed:
        """Takes the query of a redirect to the callback.

        Raises:
            ConsentLapsed: It answers nothing that this browser asked.
            StoreUnavailable: What came of it cannot be kept.
        """
        sign_in, told = self._offered(), _told(answer)
        consent = await self._awaiting(told)
        steps.check_same_browser(consent, _cookie(consent, cookies))
        kept = self._kept(consent)
        used = await self._use(consent)
        try:
            sign_in.check_answer(told)
            if consent.step is ConsentStep.SIGNING_IN:
                return await self._go_on(used, kept, told)
            if consent.redirect_uri:
                raise CredentialsRejected("this consent ends on another page: start again, and finish it there")
            await self._finish(used, told)
        except EntraidError as error:
            await self._note_failure(used, error)
            return Failed(error, f"{self._site.public_url}/connect/{kept.link.reveal()}")
        return Finished(consent.id)

    async def complete(self, callback_uri: str) -> Connection:
        """Takes the redirect that a caller's own page received.

        No cookie binds it: what does is its state, which only the browser that proved its tenant was given, for this
        one answer.

        Raises:
            ConsentLapsed: The state belongs to no consent that waits for it on such a page.
            ConsentDeclined: The administrator declined.
            CredentialsRejected: The answer is for another tenant, or Entra rejected the app there.
            PermissionMissing: The app may not read what a sync needs.
            ConnectionExists: The connection belongs to another tenant by now.
            EntraUnavailable: Entra did not answer.
            GraphUnavailable: Graph did not answer.
        """
        sign_in, told = self._offered(), _told(parse_qsl(urlsplit(callback_uri).query, keep_blank_values=True))
        consent = await self._awaiting(told)
        if consent.step is not ConsentStep.CONSENTING or not consent.redirect_uri:
            raise ConsentLapsed("this answer is not for a page of the caller's: the browser that got it goes on itself")
        used = await self._use(consent)
        try:
            sign_in.check_answer(told)
            return await self._finish(used, told)
        except EntraidError as error:
            await self._note_failure(used, error)
            raise

    async def outcome(self, consent_id: str, *, cookies: Mapping[str, str]) -> Connection:
        """The connection that a browser's consent activated.

        Raises:
            ConsentLapsed: This browser finished no such consent, or too long ago.
            ResourceNotFound: The connection is gone.
        """
        found = await self._consents.get(consent_id)
        is_done = found is not None and found.step is ConsentStep.DONE and self._clock.now() < found.expire_time
        if found is None or not is_done or not steps.is_browser(found, _cookie(found, cookies)):
            raise ConsentLapsed("this page shows what came of a consent to the browser that gave it, for an hour")
        return await self._activation.connection(found)

    async def _go_on(self, used: Consent, kept: Kept, told: Mapping[str, str]) -> Forward:
        """From the sign-in to the consent."""
        sign_in = self._offered()
        tenant_id = await sign_in.prove(kept.sign_in, told)
        state = steps.new_secret()
        step = steps.signed_in(used, tenant_id, state=state)
        await self._activation.check_tenant(step)
        await self._advance(self._sealed(step, Kept(kept.link)), used)
        _log.info("consent_tenant_proven", connection=used.connection_id, consent=used.id, tenant=tenant_id)
        target = used.redirect_uri or self._site.callback
        return Forward(sign_in.consent_url(tenant_id, redirect_uri=target, state=state))

    async def _finish(self, used: Consent, told: Mapping[str, str]) -> Connection:
        """From the consent to an active connection whose first sync has begun."""
        tenant_id = steps.consented(used, told)
        connection = await self._activation.activate(used, tenant_id, client_id=self._offered().client_id)
        await self._advance(steps.done(used, now=self._clock.now()), used)
        _log.info("consent_completed", connection=connection.id, consent=used.id, tenant=tenant_id)
        await self._on_active(connection.id)
        return connection

    async def _awaiting(self, told: Mapping[str, str]) -> Consent:
        found = await self._consents.by_state(steps.digest(told["state"])) if told.get("state") else None
        return steps.check_answered(found, now=self._clock.now())

    async def _use(self, consent: Consent) -> Consent:
        """Uses the state up, before anything is believed or asked: of two answers with it, one goes on."""
        used = steps.taken(consent)
        await self._advance(used, consent)
        return used

    async def _advance(self, consent: Consent, former: Consent) -> None:
        if not await self._consents.advance(consent, expected_version=former.version):
            raise ConsentLapsed(
                "this consent went on elsewhere meanwhile, or was replaced: go on there, or begin again"
            )

    async def _note_failure(self, consent: Consent, error: EntraidError) -> None:
        _log.warning("consent_failed", connection=consent.connection_id, consent=consent.id, error=str(error))
        await self._activation.note_failure(consent, error)

    def _offered(self) -> SignInAuthority:
        if self._sign_in is None:
            raise ConsentNotOffered(
                "this service has no app of its own that an administrator could consent to: set `ENTRAID_CLIENT_ID` "
                "with one of its credentials, and `ENTRAID_PUBLIC_URL`, or connect with `app_credentials`"
            )
        return self._sign_in

    def _sealed(self, consent: Consent, kept: Kept) -> Consent:
        return replace(consent, sealed=self._box.seal(kept.encoded(), context=steps.context(consent.id)))

    def _kept(self, consent: Consent) -> Kept:
        return Kept.decoded(self._box.open(consent.sealed, context=steps.context(consent.id)))


def _cookie(consent: Consent | None, cookies: Mapping[str, str]) -> str:
    if consent is None:
        return ""
    name = cookie_name(consent)
    return cookies.get(f"__Host-{name}") or cookies.get(name, "")


def _told(answer: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """The query as a mapping. What decides stands in it once: of two, different readers take different ones."""
    for name in _ONCE:
        if sum(key == name for key, _ in answer) > 1:
            raise ConsentLapsed(f"this answer holds `{name}` twice, as Entra never sends it: start again from the link")
    return dict(answer)
