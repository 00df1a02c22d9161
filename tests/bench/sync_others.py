"""What the sync is held against: the shortest loop that fetches the same pages, and Microsoft's own SDK.

Run as a process of its own for each figure, `python -m bench.sync_others bare|sdk READY.json [USERS]`; prints JSON.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import httpx
import orjson
from azure.identity.aio import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from yarl import URL

from bench.sync_cloud import CloudFacts
from entraid_service.config import load
from entraid_service.graph.queries import Queries
from entraid_service.model.directory import CORE_ATTRIBUTES

ATTRIBUTES = tuple(dict.fromkeys((*CORE_ATTRIBUTES, *load({}).user_attributes)))


async def bare(cloud: CloudFacts) -> dict[str, float]:
    """Fetches what a full sync fetches, parses it and inserts it, with nothing else: no checks, no retries."""
    path = cloud.folder / "bare.db"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "CREATE TABLE user (id TEXT PRIMARY KEY, record BLOB) WITHOUT ROWID;"
        "CREATE TABLE grp (id TEXT PRIMARY KEY, record BLOB) WITHOUT ROWID;"
        "CREATE TABLE edge (grp TEXT, member TEXT, PRIMARY KEY (grp, member)) WITHOUT ROWID;"
    )
    queries = Queries(URL(cloud["graph_url"]))
    begun = time.perf_counter()
    async with cloud.session() as session:
        headers = {"Authorization": f"Bearer {await cloud.token(session)}"}
        users = requests = 0
        async for page in _pages(session, queries.users(ATTRIBUTES)[0][0], headers):
            requests += 1
            users += len(page)
            database.executemany("INSERT INTO user VALUES (?, ?)", ((u["id"], orjson.dumps(u)) for u in page))
            database.commit()
        async for page in _pages(session, queries.group_feed(())[0], headers):
            requests += 1
            database.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?)", _edges(page))
            database.executemany("INSERT OR REPLACE INTO grp VALUES (?, ?)", ((g["id"], orjson.dumps(g)) for g in page))
            database.commit()
    (edges,) = database.execute("SELECT count(*) FROM edge").fetchone()
    return {"seconds": time.perf_counter() - begun, "users": users, "edges": edges, "requests": requests}


def _edges(page: list[dict[str, object]]) -> Iterator[tuple[object, object]]:
    for group in page:
        members = group.pop("members@delta", [])
        assert isinstance(members, list)
        for member in members:
            yield group["id"], member["id"]


async def _pages(
    session: aiohttp.ClientSession, first: URL, headers: dict[str, str]
) -> AsyncIterator[list[dict[str, object]]]:
    link: URL | None = first
    while link is not None:
        async with session.get(link, headers=headers) as response:
            document = orjson.loads(await response.read())
        yield document["value"]
        link = URL(document["@odata.nextLink"], encoded=True) if "@odata.nextLink" in document else None


async def sdk(cloud: CloudFacts, users: int) -> dict[str, float]:
    """Reads users with msgraph-sdk, page by page as its documentation shows."""
    credential = ClientSecretCredential(
        cloud["tenant_id"],
        cloud["client_id"],
        cloud["client_secret"],
        authority=cloud["authority_url"],
        disable_instance_discovery=True,
        connection_verify=cloud["ca_file"],
    )
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["localhost"]
    )
    read = 0
    begun = time.perf_counter()
    async with httpx.AsyncClient(verify=cloud["ca_file"]) as client, credential:
        adapter = GraphRequestAdapter(provider, client)
        adapter.base_url = cloud["graph_url"]
        graph = GraphServiceClient(request_adapter=adapter)
        query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            select=["id", *ATTRIBUTES], top=100, expand=["manager($select=id)"]
        )
        configuration = UsersRequestBuilder.UsersRequestBuilderGetRequestConfiguration(query_parameters=query)
        page = await graph.users.get(request_configuration=configuration)
        while page is not None:
            read += len(page.value or [])
            if read >= users or not page.odata_next_link:
                break
            page = await graph.users.with_url(page.odata_next_link).get()
    return {"seconds": time.perf_counter() - begun, "users": read}


def main() -> None:
    """Runs one of them and prints its figures."""
    ready = Path(sys.argv[2])
    cloud = CloudFacts(json.loads(ready.read_text(encoding="utf-8")), ready.parent)
    run = bare(cloud) if sys.argv[1] == "bare" else sdk(cloud, int(sys.argv[3]))
    print(json.dumps(asyncio.run(run)))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
