"""Asking Graph until it answers: turn, token, request; retries, throttles and one new token in between.

Order for each request: wait for a turn, send, then by outcome: done; throttled, so that nobody of this tenant starts
before the wait is over; broken or 5xx, so that it is tried again after a growing pause; 401 or 403, so that the token
is renewed once. Everything else is a refusal. What the data means is not known here.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import TypeAlias

from yarl import URL

from entraid_service.errors import EntraidError, GraphThrottled, GraphUnavailable
from entraid_service.graph.answer import Answer, NoAnswer
from entraid_service.graph.budget import Budget
from entraid_service.graph.http import GraphHttp
from entraid_service.graph.limits import Limits, Timer
from entraid_service.graph.pace import usage
from entraid_service.graph.permissions import Subject
from entraid_service.graph.refusals import claims_challenge, refusal
from entraid_service.graph.retry_after import parse_http_date, parse_retry_after
from entraid_service.ports import AccessToken, RequestCount, TokenSource

_ERRORS = "https://learn.microsoft.com/graph/errors"
_THROTTLING = "https://learn.microsoft.com/graph/throttling"

_THROTTLES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, 509})
"""509 is Graph's "Bandwidth Limit Exceeded", https://learn.microsoft.com/graph/errors."""

_PASSING = frozenset({408, 500, 502, 503, 504, *_THROTTLES})
_HERD_SECONDS = 1.0
"""The most that a wait is lengthened at random, so that several tenants do not come back at the same moment."""

_MOST_DOUBLINGS = 16
_random = secrets.SystemRandom()

OnRequest: TypeAlias = Callable[[int | None], None]


class GraphCaller:
    """Gets JSON objects from Graph for one tenant. `on_request` is told each answer's status, None if none came."""

    def __init__(
        self,
        *,
        http: GraphHttp,
        tokens: TokenSource,
        budget: Budget,
        limits: Limits,
        timer: Timer,
        on_request: OnRequest | None = None,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._budget = budget
        self._limits = limits
        self._timer = timer
        self._on_request = on_request
        self._renewing = asyncio.Lock()
        self._fresh: AccessToken | None = None
        self.requests = RequestCount()

    async def get(self, url: URL, *, subject: Subject) -> dict[str, object]:
        """The JSON object at a URL, which is sent as it is.

        Raises:
            CredentialsRejected, EntraUnavailable: As `TokenSource.token`, or Graph rejected a renewed token too.
            PermissionMissing: Graph answered 403.
            GraphThrottled, GraphUnavailable: After bounded retries; `GraphRefused` for other 4xx.
            ListExpired: Graph dropped the list.
        """
        story = Story(subject, limits=self._limits)
        while True:
            token, outcome, turn = await self._send(url)
            if isinstance(outcome, Answer) and outcome.status == HTTPStatus.OK:
                body = outcome.json()
                if body is not None:
                    self._budget.succeeded(usage(outcome.headers))
                    return body
            if isinstance(outcome, Answer) and not story.is_renewed and await self._is_renewed(token, outcome):
                story.is_renewed = True
                continue
            asked = self._asked_wait(outcome)
            wait = story.wait_after(outcome, asked=asked)
            if asked is not None or _is_throttle(outcome):
                self._budget.throttled(wait, turn=turn)
            else:
                await self._timer.sleep(wait.total_seconds())

    async def fresh_token(self) -> AccessToken:
        """A token issued since this caller was made: permissions granted meanwhile do not show in older ones.

        Tokens for clients that understand claims challenges are good for a day
        (https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation).
        """
        async with self._renewing:
            token = await self._tokens.token()
            if self._fresh is None:
                token = self._fresh = await self._tokens.renew(token)
            return token

    async def _is_renewed(self, token: AccessToken, answer: Answer) -> bool:
        """Whether a refused token was replaced, so that the request is worth another try."""
        if answer.status == HTTPStatus.UNAUTHORIZED:
            await self._tokens.renew(token, claims_challenge=claims_challenge(answer))
            return True
        if answer.status == HTTPStatus.FORBIDDEN and not self._is_fresh(token):
            await self.fresh_token()
            return True
        return False

    def _is_fresh(self, token: AccessToken) -> bool:
        return self._fresh is not None and token.secret == self._fresh.secret

    async def _send(self, url: URL) -> tuple[AccessToken, Answer | NoAnswer, int]:
        async with self._budget.turn() as turn:
            token = await self._tokens.token()
            self.requests.sent += 1
            try:
                outcome: Answer | NoAnswer = await self._http.get(url, token=token.secret)
            except NoAnswer as error:
                outcome = error
        self._note(outcome)
        return token, outcome, turn

    def _note(self, outcome: Answer | NoAnswer) -> None:
        answer = outcome if isinstance(outcome, Answer) else None
        if answer is not None:
            self._budget.answered(usage(answer.headers))
        if _is_throttle(outcome):
            self.requests.throttled += 1
        if self._on_request is not None:
            self._on_request(answer.status if answer else None)

    def _asked_wait(self, outcome: Answer | NoAnswer) -> timedelta | None:
        """The wait that Graph asked for; it goes by the answer's own date, so that clocks may differ."""
        if not isinstance(outcome, Answer) or outcome.status not in _PASSING:
            return None
        date = parse_http_date(outcome.headers.get("date", ""))
        return parse_retry_after(outcome.headers.get("retry-after"), now=date or self._timer.now())


class Story:
    """What happened to one request so far, and how long to wait before the next try."""

    def __init__(self, subject: Subject, *, limits: Limits) -> None:
        self._subject = subject
        self._limits = limits
        self._failures = 0
        self._throttles = 0
        self.is_renewed = False

    def wait_after(self, outcome: Answer | NoAnswer, *, asked: timedelta | None) -> timedelta:
        """How long to wait after an outcome that is not the data; `asked` is what Graph asked for.

        Raises:
            EntraidError: It is final, or came too often.
        """
        if isinstance(outcome, Answer) and outcome.status != HTTPStatus.OK and outcome.status not in _PASSING:
            raise refusal(outcome, subject=self._subject)
        if _is_throttle(outcome):
            self._throttles += 1
            is_over = self._throttles >= self._limits.throttles
        else:
            self._failures += 1
            is_over = self._failures >= self._limits.attempts or (isinstance(outcome, NoAnswer) and outcome.is_final)
        wait = self._backoff() if not asked else asked + timedelta(seconds=_random.uniform(0, _HERD_SECONDS))
        if is_over:
            raise self._ending(outcome, retry_after=wait) from (outcome if isinstance(outcome, NoAnswer) else None)
        return wait

    def _backoff(self) -> timedelta:
        doubled = self._limits.first_backoff * (1 << min(self._failures + self._throttles - 1, _MOST_DOUBLINGS))
        return min(doubled, self._limits.longest_backoff) * _random.uniform(0.5, 1.0)

    def _ending(self, outcome: Answer | NoAnswer, *, retry_after: timedelta) -> EntraidError:
        if isinstance(outcome, NoAnswer):
            return GraphUnavailable(
                f"Microsoft Graph gave no answer to {self._failures} requests for {self._subject.name}: {outcome}; "
                "nothing was changed, try again later"
            )
        if _is_throttle(outcome):
            return GraphThrottled(
                f"Microsoft Graph throttled the request for {self._subject.name} {self._throttles} times; nothing was "
                f"changed, try again later; see {_THROTTLING}",
                retry_after=retry_after,
            )
        said = outcome.described() if outcome.status != HTTPStatus.OK else "with something other than JSON"
        return GraphUnavailable(
            f"Microsoft Graph answered {self._failures} requests for {self._subject.name} with errors, at last {said}; "
            f"nothing was changed, try again later; see {_ERRORS}",
            request_id=outcome.request_id,
            retry_after=retry_after,
        )


def _is_throttle(outcome: Answer | NoAnswer) -> bool:
    return isinstance(outcome, Answer) and outcome.status in _THROTTLES
