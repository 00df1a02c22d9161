"""Discovery documents, keys and token claims."""

import time

import jwt
import pytest

from emulator.wire import TIMEOUT, Document, Wire
from entraid_emulator import CONTOSO_TENANT_ID, ClientId

CONFIGURATION = "v2.0/.well-known/openid-configuration"


def document(wire: Wire, path: str, *, status: int = 200) -> Document:
    """A login document."""
    response = wire.session.get(f"{wire.emulator.authority_url}/{path}", timeout=TIMEOUT)
    assert response.status_code == status, response.text
    body: Document = response.json()
    return body


@pytest.mark.parametrize("name", [CONTOSO_TENANT_ID, CONTOSO_TENANT_ID.upper(), "contoso.example", "CONTOSO.example"])
def test_a_tenant_is_found_by_id_and_by_domain(contoso_wire: Wire, name: str) -> None:
    """Whatever names the tenant, its document names it by id, on the emulator's own origin."""
    base = f"{contoso_wire.emulator.authority_url}/{CONTOSO_TENANT_ID}"
    body = document(contoso_wire, f"{name}/{CONFIGURATION}")
    assert body["token_endpoint"] == f"{base}/oauth2/v2.0/token"
    assert body["issuer"] == f"{base}/v2.0"
    assert body["jwks_uri"] == f"{base}/discovery/v2.0/keys"
    assert body["authorization_endpoint"].startswith(base)


@pytest.mark.parametrize("name", ["common", "organizations"])
def test_the_common_document_has_a_template_issuer(contoso_wire: Wire, name: str) -> None:
    """Clients must put the token's `tid` into `{tenantid}`."""
    body = document(contoso_wire, f"{name}/{CONFIGURATION}")
    assert body["issuer"] == f"{contoso_wire.emulator.authority_url}/{{tenantid}}/v2.0"
    keys = document(contoso_wire, f"{name}/discovery/v2.0/keys")["keys"]
    assert "{tenantid}" in keys[0]["issuer"]


@pytest.mark.parametrize(("name", "code"), [("00000000-1111-4222-8333-444444444444", 90002), ("not_a_name", 900023)])
def test_an_unknown_tenant_has_no_document(contoso_wire: Wire, name: str, code: int) -> None:
    """400 with Entra's body, not 404."""
    for path in (CONFIGURATION, "discovery/v2.0/keys"):
        body = document(contoso_wire, f"{name}/{path}", status=400)
        assert (body["error"], body["error_codes"]) == ("invalid_tenant", [code])


def test_instance_discovery_knows_its_own_host_only(contoso_wire: Wire) -> None:
    """Another host is `invalid_instance`: nobody can make the emulator vouch for it."""
    own = f"https://localhost/{CONTOSO_TENANT_ID}/oauth2/v2.0/authorize"
    found = document(contoso_wire, f"common/discovery/instance?api-version=1.1&authorization_endpoint={own}")
    assert found["tenant_discovery_endpoint"].endswith(f"/{CONTOSO_TENANT_ID}/{CONFIGURATION}")
    assert found["metadata"][0]["aliases"] == ["localhost"]
    evil = "https://evil.example/common/oauth2/v2.0/authorize"
    refused = document(contoso_wire, f"common/discovery/instance?authorization_endpoint={evil}", status=400)
    assert refused["error"] == "invalid_instance"


def test_a_token_verifies_against_the_published_keys(contoso_wire: Wire) -> None:
    """A stranger's JWT library accepts the token with the keys document alone, and finds a Graph token's claims."""
    keys = document(contoso_wire, f"{CONTOSO_TENANT_ID}/discovery/v2.0/keys")
    token = contoso_wire.token()
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="https://graph.microsoft.com")
    assert claims["iss"] == claims["idp"] == f"https://sts.windows.net/{CONTOSO_TENANT_ID}/"
    assert claims["oid"] == claims["sub"] != claims["appid"]
    assert claims["roles"] == ["GroupMember.Read.All", "User.Read.All"]
    expected = {"ver": "1.0", "idtyp": "app", "appidacr": "1", "tid": CONTOSO_TENANT_ID}
    assert {name: claims[name] for name in expected} == expected
    assert claims["exp"] - claims["iat"] == 3900
    assert abs(time.time() - 300 - claims["iat"]) < 10


def test_a_client_that_takes_challenges_gets_a_long_token(contoso_wire: Wire) -> None:
    """`xms_cc` with `cp1` in the claims parameter: 24 hours; malformed claims are no capability."""
    capable = contoso_wire.token_answer(claims='{"access_token": {"xms_cc": {"values": ["CP1"]}}}').json()
    assert capable["expires_in"] == 86399
    claims = jwt.decode(capable["access_token"], options={"verify_signature": False})
    assert claims["xms_cc"] == ["cp1"]
    assert claims["exp"] - claims["iat"] == 86700
    for odd in ("{", "[]", '{"access_token": null}', '{"access_token": {"xms_cc": {"values": 7}}}'):
        assert contoso_wire.token_answer(claims=odd).json()["expires_in"] == 3599


def test_the_audience_is_the_resource_as_asked(contoso_wire: Wire) -> None:
    """Graph goes by its URL, its app id and, here, the emulator's own origin; each token opens Graph."""
    for resource in ("00000003-0000-0000-c000-000000000000", contoso_wire.emulator.url):
        token = contoso_wire.token_answer(scope=f"{resource}/.default").json()["access_token"]
        assert jwt.decode(token, options={"verify_signature": False})["aud"] == resource
        contoso_wire.body("/users?$top=1", token=token)


def test_the_client_id_ignores_case(contoso_wire: Wire) -> None:
    """GUIDs have no case."""
    upper = ClientId(contoso_wire.emulator.app.client_id.upper())
    assert "access_token" in contoso_wire.token_answer(client_id=upper).json()
