from api.generated import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ApplyRequest(_message.Message):
    __slots__ = ("data", "mode", "dry_run", "try_timeout")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_AUTO: _ClassVar[ApplyRequest.Mode]
        MODE_STAGED: _ClassVar[ApplyRequest.Mode]
        MODE_TRY: _ClassVar[ApplyRequest.Mode]
    MODE_AUTO: ApplyRequest.Mode
    MODE_STAGED: ApplyRequest.Mode
    MODE_TRY: ApplyRequest.Mode
    DATA_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    TRY_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    mode: ApplyRequest.Mode
    dry_run: bool
    try_timeout: float
    def __init__(self, data: _Optional[bytes] = ..., mode: _Optional[_Union[ApplyRequest.Mode, str]] = ..., dry_run: _Optional[bool] = ..., try_timeout: _Optional[float] = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("problems", "warnings", "diff", "mode_details", "applied")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    MODE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    diff: str
    mode_details: str
    applied: bool
    def __init__(self, problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., warnings: _Optional[_Iterable[str]] = ..., diff: _Optional[str] = ..., mode_details: _Optional[str] = ..., applied: _Optional[bool] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("path", "message", "fix")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    path: str
    message: str
    fix: str
    def __init__(self, path: _Optional[str] = ..., message: _Optional[str] = ..., fix: _Optional[str] = ...) -> None: ...

class ConfigGetRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConfigGetResponse(_message.Message):
    __slots__ = ("yaml", "source")
    YAML_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    yaml: str
    source: str
    def __init__(self, yaml: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...
