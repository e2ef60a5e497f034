from api.generated import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ControllersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ControllersResponse(_message.Message):
    __slots__ = ("edges", "dot", "mermaid")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    DOT_FIELD_NUMBER: _ClassVar[int]
    MERMAID_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    dot: str
    mermaid: str
    def __init__(self, edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., dot: _Optional[str] = ..., mermaid: _Optional[str] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("controller", "kind", "resource")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    controller: str
    kind: str
    resource: str
    def __init__(self, controller: _Optional[str] = ..., kind: _Optional[str] = ..., resource: _Optional[str] = ...) -> None: ...

class ProcessesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ProcessesResponse(_message.Message):
    __slots__ = ("processes", "truncated")
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    processes: _containers.RepeatedCompositeFieldContainer[Process]
    truncated: bool
    def __init__(self, processes: _Optional[_Iterable[_Union[Process, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class Process(_message.Message):
    __slots__ = ("pid", "parent", "uid", "name", "command", "executable", "state", "memory", "cpu", "threads", "kernel_thread")
    PID_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    EXECUTABLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_THREAD_FIELD_NUMBER: _ClassVar[int]
    pid: int
    parent: int
    uid: int
    name: str
    command: str
    executable: str
    state: str
    memory: int
    cpu: float
    threads: int
    kernel_thread: bool
    def __init__(self, pid: _Optional[int] = ..., parent: _Optional[int] = ..., uid: _Optional[int] = ..., name: _Optional[str] = ..., command: _Optional[str] = ..., executable: _Optional[str] = ..., state: _Optional[str] = ..., memory: _Optional[int] = ..., cpu: _Optional[float] = ..., threads: _Optional[int] = ..., kernel_thread: _Optional[bool] = ...) -> None: ...

class MountsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MountsResponse(_message.Message):
    __slots__ = ("mounts",)
    MOUNTS_FIELD_NUMBER: _ClassVar[int]
    mounts: _containers.RepeatedCompositeFieldContainer[Mount]
    def __init__(self, mounts: _Optional[_Iterable[_Union[Mount, _Mapping]]] = ...) -> None: ...

class Mount(_message.Message):
    __slots__ = ("target", "source", "filesystem", "options", "size", "available")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    target: str
    source: str
    filesystem: str
    options: str
    size: int
    available: int
    def __init__(self, target: _Optional[str] = ..., source: _Optional[str] = ..., filesystem: _Optional[str] = ..., options: _Optional[str] = ..., size: _Optional[int] = ..., available: _Optional[int] = ...) -> None: ...

class SocketsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SocketsResponse(_message.Message):
    __slots__ = ("sockets",)
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    sockets: _containers.RepeatedCompositeFieldContainer[Socket]
    def __init__(self, sockets: _Optional[_Iterable[_Union[Socket, _Mapping]]] = ...) -> None: ...

class Socket(_message.Message):
    __slots__ = ("protocol", "address", "port", "pid", "process")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    address: str
    port: int
    pid: int
    process: str
    def __init__(self, protocol: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., pid: _Optional[int] = ..., process: _Optional[str] = ...) -> None: ...

class MemoryRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MemoryResponse(_message.Message):
    __slots__ = ("processes", "total", "available", "kernel", "groups")
    class KernelEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    processes: _containers.RepeatedCompositeFieldContainer[MemoryUse]
    total: int
    available: int
    kernel: _containers.ScalarMap[str, int]
    groups: _containers.RepeatedCompositeFieldContainer[GroupMemory]
    def __init__(self, processes: _Optional[_Iterable[_Union[MemoryUse, _Mapping]]] = ..., total: _Optional[int] = ..., available: _Optional[int] = ..., kernel: _Optional[_Mapping[str, int]] = ..., groups: _Optional[_Iterable[_Union[GroupMemory, _Mapping]]] = ...) -> None: ...

class GroupMemory(_message.Message):
    __slots__ = ("name", "current", "peak", "anonymous", "file", "kernel")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PEAK_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    current: int
    peak: int
    anonymous: int
    file: int
    kernel: int
    def __init__(self, name: _Optional[str] = ..., current: _Optional[int] = ..., peak: _Optional[int] = ..., anonymous: _Optional[int] = ..., file: _Optional[int] = ..., kernel: _Optional[int] = ...) -> None: ...

class MemoryUse(_message.Message):
    __slots__ = ("name", "pid", "resident", "proportional", "private")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_FIELD_NUMBER: _ClassVar[int]
    PROPORTIONAL_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    pid: int
    resident: int
    proportional: int
    private: int
    def __init__(self, name: _Optional[str] = ..., pid: _Optional[int] = ..., resident: _Optional[int] = ..., proportional: _Optional[int] = ..., private: _Optional[int] = ...) -> None: ...
