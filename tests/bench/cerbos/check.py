"""Whether both decide alike: what is measured has to be the same work.

Half of the questions are drawn as the load's are. Hardly any of those turns on a group, so the others are about
members of the groups that the flows name, as our service finds them: most are in a group that is nested in the named
one. Cerbos is asked by its HTTP API, and again with the messages that the load is made of.
"""

import http.client
import json
from collections.abc import Sequence

import grpc

from bench import tenant
from bench.cerbos import messages
from bench.cerbos.messages import Question
from bench.cerbos.server import Cerbos
from bench.servers import Server
from entraid.v1 import access_service_pb2 as pb

_DRAWN = 160
_OF_EACH = 2
_SEED = 300
_MOST_SECONDS = 60.0


def decide_alike(ours: Server, theirs: Cerbos) -> str:
    """Asks both. What was compared, in a sentence.

    Raises:
        ValueError: They differ, or the questions show nothing.
    """
    asked = [*tenant.questions(_DRAWN, seed=_SEED), *_members(ours)]
    by_us = _ours(ours, asked)
    others = {"HTTP": _by_http(theirs, asked), "gRPC": _by_grpc(theirs, asked)}
    for way, by_cerbos in others.items():
        for (user, flow), our, their in zip(asked, by_us, by_cerbos, strict=True):
            if our != their:
                raise ValueError(f"user {user}, flow {flow}: {our} from us, {their} from Cerbos by {way}")
    _demand_variety(asked, by_us)
    return f"{len(asked)} questions were decided alike, {sum(by_us)} of them allowed"


def _members(server: Server) -> list[tuple[int, int]]:
    found = []
    for flow, condition in enumerate(tenant.conditions()):
        joined = condition.all_of if condition.HasField("all_of") else condition.any_of
        (groups,) = (leaf for leaf in joined.conditions if leaf.HasField("group"))
        for rule in (groups, condition):
            found += [(user, flow) for user in _eligible(server, rule)]
    return found


def _eligible(server: Server, condition: pb.Condition) -> list[int]:
    request = pb.SearchEligibleUsersRequest(
        parent=f"connections/{tenant.CONNECTION}", condition=condition, page_size=_OF_EACH
    )
    answer = _call(server.port, "/entraid.v1.AccessService/SearchEligibleUsers", request.SerializeToString())
    users = pb.SearchEligibleUsersResponse.FromString(answer).users
    return [tenant.user_number(one.user.name.rpartition("/")[2]) for one in users]


def _demand_variety(asked: Sequence[tuple[int, int]], allowed: Sequence[bool]) -> None:
    flows = tenant.conditions()
    seen = {(flows[flow].WhichOneof("kind"), is_allowed) for (_, flow), is_allowed in zip(asked, allowed, strict=True)}
    if len(seen) < 4:
        raise ValueError(
            f"both outcomes of both kinds of flow should have come up, these did: {sorted(map(str, seen))}"
        )


def _ours(server: Server, asked: Sequence[tuple[int, int]]) -> list[bool]:
    flows = tenant.conditions()
    batch = pb.BatchEvaluateAccessRequest(requests=[tenant.request(user, flows[flow]) for user, flow in asked])
    answer = _call(server.port, "/entraid.v1.AccessService/BatchEvaluateAccess", batch.SerializeToString())
    results = pb.BatchEvaluateAccessResponse.FromString(answer).results
    if not all(result.HasField("response") for result in results):
        raise ValueError("some of our answers were errors")
    return [result.response.decision == pb.DECISION_ALLOW for result in results]


def _by_grpc(theirs: Cerbos, asked: Sequence[tuple[int, int]]) -> list[bool]:
    answers = (_call(theirs.server.port, messages.METHOD, Question(user, [flow]).as_message()) for user, flow in asked)
    return [allowed for answer in answers for allowed in messages.allows(answer)]


def _call(port: int, method: str, body: bytes) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
        return call(body, timeout=_MOST_SECONDS)


def _by_http(theirs: Cerbos, asked: Sequence[tuple[int, int]]) -> list[bool]:
    connection = http.client.HTTPConnection("127.0.0.1", theirs.http_port, timeout=_MOST_SECONDS)
    found = []
    for user, flow in asked:
        connection.request("POST", "/api/check/resources", json.dumps(Question(user, [flow]).as_json()))
        answer = json.load(connection.getresponse())
        found.append(answer["results"][0]["actions"][messages.ACTION] == "EFFECT_ALLOW")
    connection.close()
    return found
