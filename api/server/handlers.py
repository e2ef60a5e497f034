"""From a service's descriptor and an object to gRPC handlers, so that no stub code is generated or imported.

Model: method `ServiceList` of a service is the coroutine (or, for a stream, the async generator) `service_list(request,
caller)` of the object; where the client streams, `request` is an async iterator.
"""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from api.server.gate import Recognize


def snake(name: str) -> str:
    """Return the Python name of a method: `ServiceList` is `service_list`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def make_handler(service: ServiceDescriptor, servicer: object, who: Recognize) -> grpc.GenericRpcHandler:
    """Return the handler of a whole service. Raises `AttributeError` when the object lacks one of its methods."""
    handlers = {method.name: _make_method(method, getattr(servicer, snake(method.name)), who) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _make_method(method: MethodDescriptor, call: Callable[..., Any], who: Recognize) -> grpc.RpcMethodHandler:
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    if method.server_streaming:
        make, adapt = grpc.unary_stream_rpc_method_handler, _adapt_stream(call, who)
    elif method.client_streaming:
        make, adapt = grpc.stream_unary_rpc_method_handler, _adapt_unary(call, who)
    else:
        make, adapt = grpc.unary_unary_rpc_method_handler, _adapt_unary(call, who)
    return make(adapt, request.FromString, response.SerializeToString)


def _adapt_unary(call: Callable[..., Any], who: Recognize) -> Callable[..., Any]:
    async def adapted(request: Any, context: grpc.aio.ServicerContext) -> Any:
        return await call(request, who(context))

    return adapted


def _adapt_stream(call: Callable[..., Any], who: Recognize) -> Callable[..., Any]:
    async def adapted(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        async for answer in call(request, who(context)):
            yield answer

    return adapted
