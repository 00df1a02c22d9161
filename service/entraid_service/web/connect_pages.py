"""The connect page: what is asked for, the way to Entra and back, and what came of it. Decisions are `connect`'s.

`/connect/{link}` shows and takes the form; `/connect/callback` takes what Entra answers; `/connect/outcome/{id}` shows
the connection and its first sync, which `.../events` tells live.
"""

import secrets
from collections.abc import Sequence
from contextlib import aclosing, suppress
from http import HTTPStatus

import structlog
from aiohttp import web

from entraid_service.connect.consents import ConsentDesk
from entraid_service.connect.route import CALLBACK, Failed, Forward
from entraid_service.errors import ConsentLapsed, EntraidError
from entraid_service.model.connection import Connection
from entraid_service.model.consent import Consent
from entraid_service.model.scope import split_entries
from entraid_service.web import wording
from entraid_service.web.browser import BrowserMarks, check_form, form_token, new_mark
from entraid_service.web.headers import Handler, page_headers
from entraid_service.web.render import NOTHING, Html, Templates, facts, permission_list, told
from entraid_service.web.runs import FirstSyncs

_log = structlog.get_logger(__name__)

_MOST_GROUPS = 1000
_LONGEST_GROUP = 512
_TYPES = {"css": "text/css", "js": "text/javascript"}
_STATUS = {
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
}


class ConnectPages:
    """The handlers of the connect page; `attributes` (Microsoft Graph names) are those that are synced."""

    def __init__(self, desk: ConsentDesk, *, syncs: FirstSyncs, attributes: Sequence[str]) -> None:
        self._desk = desk
        self._syncs = syncs
        self._attributes = attributes
        self._marks = BrowserMarks(is_https=desk.site.public_url.startswith("https://"))
        self._templates = Templates()
        self._headers = page_headers(desk.entra_origin)

    def routes(self) -> list[web.RouteDef]:
        """To be added to the listener."""
        shown = {
            CALLBACK: self._callback,
            "/connect/{link:[A-Za-z0-9_-]{43}}": self._form,
            "/connect/outcome/{id:[0-9a-f]{16}}": self._outcome,
        }
        return [
            *(web.get(path, self._page(handler), allow_head=False) for path, handler in shown.items()),
            web.post("/connect/{link:[A-Za-z0-9_-]{43}}", self._page(self._begin)),
            web.get("/connect/outcome/{id:[0-9a-f]{16}}/events", self._page(self._events), allow_head=False),
            web.get("/connect/static/{name}", self._static),
        ]

    def _page(self, handler: Handler) -> Handler:
        """A handler whose errors become pages, and every answer of which has the headers."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except EntraidError as error:
                return self._trouble(error, link="")
            except (web.HTTPException, ConnectionError):
                raise
            except Exception:  # noqa: BLE001 - the edge: a bug is told by an id, its text is for the log only
                error_id = secrets.token_hex(8)
                _log.exception("connect_page_broken", error_id=error_id)
                return self._trouble(
                    EntraidError(f"the service failed; its log tells more under `{error_id}`"), link=""
                )

        return guarded

    async def _form(self, request: web.Request) -> web.StreamResponse:
        consent, connection = await self._desk.open_link(request.match_info["link"], cookies=request.cookies)
        mark = self._marks.read(request, consent) or new_mark()
        groups = connection.groups_to_sync if consent.groups_to_sync is None else consent.groups_to_sync
        response = self._show_form(consent, connection, mark=mark, groups=_joined(groups))
        self._marks.set(response, consent, mark)
        return response

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        link = request.match_info["link"]
        consent, connection = await self._desk.open_link(link, cookies=request.cookies)
        form = await request.post()
        mark = self._marks.read(request, consent)
        check_form(request, mark, token=str(form.get("form_token", "")))
        text = str(form.get("groups_to_sync", ""))
        groups = split_entries([text])
        if problem := _groups_problem(groups, text):
            return self._show_form(consent, connection, mark=mark, groups=text, problem=problem)
        try:
            forward = await self._desk.begin(link, cookies=request.cookies, cookie=mark, groups_to_sync=groups)
        except ConsentLapsed:
            raise
        except EntraidError as error:
            return self._trouble(error, link=f"{self._desk.site.public_url}/connect/{link}")
        return self._redirect(forward.url)

    async def _callback(self, request: web.Request) -> web.StreamResponse:
        step = await self._desk.come_back(list(request.query.items()), cookies=request.cookies)
        match step:
            case Forward(url=url):
                return self._redirect(url)
            case Failed(error=error, link=link):
                return self._trouble(error, link=link)
            case finished:
                return self._redirect(f"{self._desk.site.public_url}/connect/outcome/{finished.consent_id}")

    async def _outcome(self, request: web.Request) -> web.StreamResponse:
        consent_id = request.match_info["id"]
        connection = await self._desk.outcome(consent_id, cookies=request.cookies)
        run = await self._syncs.latest(connection.id)
        view = wording.outcome(run)
        body = self._templates.fill(
            "outcome",
            title=view.title,
            mark=view.mark,
            sign=view.sign,
            name=wording.shown_name(connection),
            tenant=connection.tenant_id,
            permissions=permission_list(wording.held_permissions(connection, self._attributes)),
            groups=_joined(connection.groups_to_sync) or "the whole directory",
            phase=view.phase,
            step=str(view.step),
            events=f"/connect/outcome/{consent_id}/events",
            final="yes" if view.is_final else "no",
            users=view.users,
            group_count=view.groups,
            memberships=view.memberships,
            note=told(view.note) if view.note else NOTHING,
        )
        script = Html('<script src="/connect/static/progress.js" defer></script>')
        again = Html('<noscript><meta http-equiv="refresh" content="3"></noscript>')
        return self._html(
            self._templates.page(view.title, body, head=NOTHING if view.is_final else Html(script + again))
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        connection = await self._desk.outcome(request.match_info["id"], cookies=request.cookies)
        response = web.StreamResponse(headers={**self._headers, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        async with aclosing(self._syncs.events(connection.id)) as events:
            with suppress(ConnectionResetError):  # the browser left
                async for event in events:
                    await response.write(event)
        return response

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        content = self._templates.static.get(name)
        if content is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(
            body=content, content_type=_TYPES[name.rpartition(".")[2]], charset="utf-8", headers=headers
        )

    def _show_form(
        self, consent: Consent, connection: Connection, *, mark: str, groups: str, problem: str = ""
    ) -> web.Response:
        body = self._templates.fill(
            "connect",
            name=wording.shown_name(connection),
            purpose=wording.purpose(consent),
            action="",
            permissions=permission_list(wording.asked_permissions(self._attributes)),
            form_token=form_token(mark),
            groups=groups,
            problem=Html(f'<p class="problem" id="problem" role="alert">{told(problem)}</p>') if problem else NOTHING,
            described=" problem" if problem else "",
            invalid=Html('aria-invalid="true"') if problem else NOTHING,
            expires=f"{consent.expire_time:%H:%M}",
            client_id=connection.client_id,
        )
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._html(self._templates.page("Connect Microsoft Entra ID", body), status=status)

    def _trouble(self, error: EntraidError, *, link: str) -> web.Response:
        view = wording.trouble(error)
        again = self._templates.fill("again", link=link) if link else NOTHING
        body = self._templates.fill(
            "trouble",
            title=view.title,
            message=told(view.message),
            reference=Html(f"<p>More on this: {told(view.reference)}</p>") if view.reference else NOTHING,
            facts=facts(view.facts),
            again=again,
        )
        status = _STATUS.get(error.status, HTTPStatus.BAD_REQUEST)
        return self._html(self._templates.page(view.title, body), status=status)

    def _html(self, page: Html, *, status: int = HTTPStatus.OK) -> web.Response:
        return web.Response(text=page, status=status, content_type="text/html", charset="utf-8", headers=self._headers)

    def _redirect(self, url: str) -> web.Response:
        """303, so that a form's answer is fetched and not sent again. Targets are Entra's or ours, never a caller's."""
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={**self._headers, "Location": url})


def _groups_problem(groups: tuple[str, ...], text: str) -> str:
    if text.strip() and not groups:
        return "no group is named: name one, or leave the field empty for all"
    if len(groups) > _MOST_GROUPS:
        return f"{len(groups)} groups are too many: at most {_MOST_GROUPS} are taken; leave the field empty for all"
    longest = max(map(len, groups), default=0)
    if longest > _LONGEST_GROUP:
        return (
            f"an entry has {longest} characters: a group's name has at most {_LONGEST_GROUP}; separate them by commas"
        )
    return ""


def _joined(groups: tuple[str, ...]) -> str:
    return ", ".join(f'"{group}"' if "," in group else group for group in groups)
