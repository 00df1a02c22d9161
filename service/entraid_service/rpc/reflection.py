"""Server reflection under both of its names: v1, which clients ask for today, and v1alpha, which they fall back to.

grpcio-reflection knows v1alpha only. The two are the same on the wire, so one servicer answers both; what v1 needs
beside that is a description of itself, for clients that describe every service they find.
https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from collections.abc import Sequence
from typing import cast

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2

V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(server: grpc.aio.Server, *, files: Sequence[FileDescriptor], services: Sequence[str]) -> None:
    """Lets a server describe `services`, which these files define, and reflection itself."""
    alpha = cast("FileDescriptor", reflection_pb2.DESCRIPTOR)  # the stubs name its C base class
    pool = _pool_of((*files, alpha))
    pool.Add(_renamed(alpha))
    servicer = reflection.aio.ReflectionServicer((*services, V1, V1ALPHA), pool=pool)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (V1, V1ALPHA):
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


def _pool_of(files: Sequence[FileDescriptor]) -> DescriptorPool:
    """A pool of our own, so that nothing is added to the one that all of the process shares."""
    pool = DescriptorPool()
    added: set[str] = set()
    for file in files:
        _add(file, pool, added)
    return pool


def _add(file: FileDescriptor, pool: DescriptorPool, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add(dependency, pool, added)
    pool.Add(_copied(file))


def _copied(file: FileDescriptor) -> FileDescriptorProto:
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return proto


def _renamed(file: FileDescriptor) -> FileDescriptorProto:
    proto = _copied(file)
    proto.name = _v1(proto.name)
    proto.package = _v1(proto.package)
    for message in proto.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = _v1(field.type_name)
    for service in proto.service:
        for method in service.method:
            method.input_type = _v1(method.input_type)
            method.output_type = _v1(method.output_type)
    return proto


def _v1(name: str) -> str:
    return name.replace("v1alpha", "v1")
