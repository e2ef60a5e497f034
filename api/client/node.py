"""A node's API as typed methods. Every failure is a `ClientError` with the node's own message and hint."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from api.client.address import Address
from api.client.errors import ClientError, Refused, TimedOut, Unreachable
from api.generated import (
    config_pb2,
    etcd_pb2,
    hardware_pb2,
    inspect_pb2,
    install_pb2,
    lifecycle_pb2,
    machine_pb2,
    meta_pb2,
    reset_pb2,
    state_pb2,
)

TIMEOUT = 30.0  # seconds for one answer
UPLOAD_TIMEOUT = 3600.0  # seconds for a whole bundle
HINT_KEY = "ophite-hint-bin"
M = TypeVar("M", bound=Message)

_FILES = (
    machine_pb2,
    state_pb2,
    config_pb2,
    etcd_pb2,
    inspect_pb2,
    meta_pb2,
    install_pb2,
    lifecycle_pb2,
    reset_pb2,
    hardware_pb2,
)


class Node:
    """One node. `explain`: asked for a better reason when the connection does not come about."""

    def __init__(
        self,
        channel: grpc.Channel,
        address: Address,
        explain: Callable[[], ClientError | None] = lambda: None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._channel = channel
        self.address = address
        self._explain = explain
        self._timeout = timeout

    def close(self) -> None:
        """Hang up; running streams end."""
        self._channel.close()

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> machine_pb2.VersionResponse:
        """Return what is installed, and the mode of the API."""
        return self.call("MachineService.Version", machine_pb2.VersionRequest(), machine_pb2.VersionResponse)

    def power(self, *, reboot: bool, reason: str = "", force: bool = False) -> str:
        """Reboot or power off, and return the id of the boot that ends. `force`: whatever etcd says."""
        name = "MachineService.Reboot" if reboot else "MachineService.Shutdown"
        request = machine_pb2.PowerRequest(reason=reason, force=force)
        return self.call(name, request, machine_pb2.PowerResponse).boot_id

    def services(self) -> list[machine_pb2.Service]:
        """Return what PID 1 runs."""
        request = machine_pb2.ServiceListRequest()
        return list(self.call("MachineService.ServiceList", request, machine_pb2.ServiceListResponse).services)

    def restart_service(self, id_: str) -> None:
        """Restart one service."""
        request = machine_pb2.ServiceRestartRequest(id=id_)
        self.call("MachineService.ServiceRestart", request, machine_pb2.ServiceRestartResponse)

    def logs(self, id_: str, *, follow: bool = False, tail_bytes: int = 0) -> Iterator[bytes]:
        """Yield what a service wrote; `tail_bytes` 0 is all that is kept."""
        request = machine_pb2.LogsRequest(id=id_, follow=follow, tail_bytes=tail_bytes)
        return (answer.data for answer in self.stream("MachineService.Logs", request, machine_pb2.LogsResponse))

    def dmesg(self, *, follow: bool = False) -> Iterator[machine_pb2.DmesgResponse]:
        """Yield the kernel's messages."""
        request = machine_pb2.DmesgRequest(follow=follow)
        return self.stream("MachineService.Dmesg", request, machine_pb2.DmesgResponse)

    def events(self) -> Iterator[machine_pb2.EventsResponse]:
        """Yield what happens from now on."""
        return self.stream("MachineService.Events", machine_pb2.EventsRequest(), machine_pb2.EventsResponse)

    def kubeconfig(self) -> str:
        """Return the cluster administrator's kubeconfig."""
        return self.call("MachineService.Kubeconfig", machine_pb2.KubeconfigRequest(), machine_pb2.KubeconfigResponse).yaml

    def definitions(self, type_: str = "") -> list[state_pb2.Definition]:
        """Return the types of resources; with `type_` the one that has this name or alias."""
        request = state_pb2.DefinitionsRequest(type=type_)
        return list(self.call("StateService.Definitions", request, state_pb2.DefinitionsResponse).definitions)

    def get(self, type_: str, id_: str, namespace: str = "") -> state_pb2.Resource:
        """Return one resource."""
        request = state_pb2.GetRequest(type=type_, id=id_, namespace=namespace)
        return self.call("StateService.Get", request, state_pb2.GetResponse).resource

    def list(self, request: state_pb2.ListRequest) -> "list[state_pb2.Resource]":
        """Return the selected resources of a type."""
        return list(self.call("StateService.List", request, state_pb2.ListResponse).resources)

    def watch(self, request: state_pb2.WatchRequest) -> Iterator[state_pb2.WatchResponse]:
        """Yield the present contents, a bookmark, and changes."""
        return self.stream("StateService.Watch", request, state_pb2.WatchResponse)

    def apply(self, request: config_pb2.ApplyRequest) -> config_pb2.ApplyResponse:
        """Check and apply a configuration."""
        return self.call("ConfigService.Apply", request, config_pb2.ApplyResponse)

    def configuration(self) -> config_pb2.ConfigGetResponse:
        """Return the configuration in force."""
        return self.call("ConfigService.Get", config_pb2.ConfigGetRequest(), config_pb2.ConfigGetResponse)

    def upload(self, pieces: Iterator[bytes]) -> lifecycle_pb2.UploadResponse:
        """Hand a bundle over and return what names it. In: `pieces` of at most 1 MiB. Raises `ClientError`."""
        path, decode = _method("LifecycleService.Upload")
        call = self._channel.stream_unary(path, request_serializer=_encode, response_deserializer=decode)
        try:
            result = call((lifecycle_pb2.UploadRequest(data=piece) for piece in pieces), timeout=UPLOAD_TIMEOUT)
        except grpc.RpcError as error:
            raise self._translate(error) from None
        assert isinstance(result, lifecycle_pb2.UploadResponse)
        return result

    def upgrade(self, request: lifecycle_pb2.UpgradeRequest) -> str:
        """Begin an upgrade and return the name of the request."""
        return self.call("LifecycleService.Upgrade", request, lifecycle_pb2.UpgradeResponse).request

    def rollback(self, request: lifecycle_pb2.RollbackRequest) -> str:
        """Begin a rollback and return the name of the request."""
        return self.call("LifecycleService.Rollback", request, lifecycle_pb2.UpgradeResponse).request

    def bootstrap(self) -> None:
        """Create the cluster's database on this node."""
        self.call("EtcdService.Bootstrap", etcd_pb2.BootstrapRequest(), etcd_pb2.BootstrapResponse)

    def reset(self, request: reset_pb2.ResetRequest) -> reset_pb2.ResetResponse:
        """Destroy volumes or disks of the node, or only say which would be."""
        return self.call("ResetService.Reset", request, reset_pb2.ResetResponse)

    def call(self, name: str, request: Message, answer: type[M]) -> M:
        """Return the answer of a method `Service.Method` that is of type `answer`. Raises `ClientError`."""
        path, decode = _method(name)
        call = self._channel.unary_unary(path, request_serializer=_encode, response_deserializer=decode)
        try:
            result = call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._translate(error) from None
        assert isinstance(result, answer)
        return result

    def stream(self, name: str, request: Message, answer: type[M]) -> Iterator[M]:
        """Yield the answers of a method; leaving the loop ends the call. Raises `ClientError`."""
        path, decode = _method(name)
        call = self._channel.unary_stream(path, request_serializer=_encode, response_deserializer=decode)(request)
        try:
            for item in call:
                assert isinstance(item, answer)
                yield item
        except grpc.RpcError as error:
            raise self._translate(error) from None
        finally:
            call.cancel()

    def _translate(self, error: Any) -> ClientError:
        """Return a failed call as the client's error."""
        code, message = error.code(), error.details() or ""
        hint = _find_hint(error)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and not hint:
            return self._explain() or TimedOut(f"{self.address} did not answer in {self._timeout:g} s", "try again")
        if code is grpc.StatusCode.CANCELLED:
            return Unreachable(f"{self.address} closed the connection", "it may be restarting; try again")
        if code is grpc.StatusCode.UNAVAILABLE and not hint:
            return self._explain() or Unreachable(f"the connection to {self.address} broke: {message}", "try again")
        return Refused(code.name.lower(), message, hint)


@cache
def _method(name: str) -> tuple[str, Callable[[bytes], Message]]:
    """Return the path and the decoder of a method. Raises `KeyError` for one that does not exist."""
    service_name, _, method_name = name.partition(".")
    services = (file.DESCRIPTOR.services_by_name.get(service_name) for file in _FILES)
    service = next(found for found in services if found is not None)
    method: MethodDescriptor = service.methods_by_name[method_name]
    return f"/{service.full_name}/{method.name}", GetMessageClass(method.output_type).FromString


def _encode(message: Message) -> bytes:
    return message.SerializeToString()


def _find_hint(error: Any) -> str:
    """Return the hint in a failed call's trailing metadata, or nothing."""
    for key, value in error.trailing_metadata() or ():
        if key == HINT_KEY:
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return ""
