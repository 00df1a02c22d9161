import json

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2

from e2e.harness import Service, grpcurl

SERVICES = ("AccessService", "ConnectionService", "DirectoryService", "SyncService")


@pytest.mark.parametrize("name", ["", *(f"entraid.v1.{name}" for name in SERVICES)])
def test_health_answers_for_each_service(service: Service, name: str) -> None:
    """The server as a whole and each service of it serve."""
    answer = service.raw_of("grpc.health.v1.Health/Check", {"service": name})
    assert json.loads(answer) == {"status": "SERVING"}


def test_health_of_a_service_that_is_not_there_is_not_found(service: Service) -> None:
    """A typing mistake is not taken for health."""
    ended = grpcurl("-d", '{"service": "entraid.v1.Nope"}', service.target, "grpc.health.v1.Health/Check")
    assert "Code: NotFound" in ended.err


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_speaks_both_versions(service: Service, version: str) -> None:
    """New clients ask for v1, old ones for v1alpha; both find every service."""
    with grpc.insecure_channel(service.target) as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = list(ask(iter([request]), timeout=5))
    names = {one.name for answer in answers for one in answer.list_services_response.service}
    assert {f"entraid.v1.{name}" for name in SERVICES} <= names
