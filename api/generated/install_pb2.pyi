from api.generated import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class InstallRequest(_message.Message):
    __slots__ = ("disk", "wipe", "image")
    DISK_FIELD_NUMBER: _ClassVar[int]
    WIPE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    disk: str
    wipe: bool
    image: str
    def __init__(self, disk: _Optional[str] = ..., wipe: _Optional[bool] = ..., image: _Optional[str] = ...) -> None: ...

class InstallResponse(_message.Message):
    __slots__ = ("requested",)
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    requested: float
    def __init__(self, requested: _Optional[float] = ...) -> None: ...
