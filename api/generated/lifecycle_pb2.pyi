from api.generated import options_pb2 as _options_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class UploadRequest(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class UploadResponse(_message.Message):
    __slots__ = ("bundle", "version")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    version: str
    def __init__(self, bundle: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class UpgradeRequest(_message.Message):
    __slots__ = ("source", "bundle", "force", "stage", "window")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    source: str
    bundle: str
    force: bool
    stage: bool
    window: float
    def __init__(self, source: _Optional[str] = ..., bundle: _Optional[str] = ..., force: _Optional[bool] = ..., stage: _Optional[bool] = ..., window: _Optional[float] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("force", "stage", "window")
    FORCE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    force: bool
    stage: bool
    window: float
    def __init__(self, force: _Optional[bool] = ..., stage: _Optional[bool] = ..., window: _Optional[float] = ...) -> None: ...

class UpgradeResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: str
    def __init__(self, request: _Optional[str] = ...) -> None: ...
