from api.generated import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResetRequest(_message.Message):
    __slots__ = ("mode", "system_volumes", "user_disks", "abrupt", "then", "limit", "force", "plan_only", "forget")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_SYSTEM: _ClassVar[ResetRequest.Mode]
        MODE_USER_DISKS: _ClassVar[ResetRequest.Mode]
        MODE_ALL: _ClassVar[ResetRequest.Mode]
    MODE_SYSTEM: ResetRequest.Mode
    MODE_USER_DISKS: ResetRequest.Mode
    MODE_ALL: ResetRequest.Mode
    class Then(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        THEN_REBOOT: _ClassVar[ResetRequest.Then]
        THEN_POWEROFF: _ClassVar[ResetRequest.Then]
        THEN_MAINTENANCE: _ClassVar[ResetRequest.Then]
    THEN_REBOOT: ResetRequest.Then
    THEN_POWEROFF: ResetRequest.Then
    THEN_MAINTENANCE: ResetRequest.Then
    MODE_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_VOLUMES_FIELD_NUMBER: _ClassVar[int]
    USER_DISKS_FIELD_NUMBER: _ClassVar[int]
    ABRUPT_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    mode: ResetRequest.Mode
    system_volumes: _containers.RepeatedScalarFieldContainer[str]
    user_disks: _containers.RepeatedScalarFieldContainer[str]
    abrupt: bool
    then: ResetRequest.Then
    limit: float
    force: bool
    plan_only: bool
    forget: bool
    def __init__(self, mode: _Optional[_Union[ResetRequest.Mode, str]] = ..., system_volumes: _Optional[_Iterable[str]] = ..., user_disks: _Optional[_Iterable[str]] = ..., abrupt: _Optional[bool] = ..., then: _Optional[_Union[ResetRequest.Then, str]] = ..., limit: _Optional[float] = ..., force: _Optional[bool] = ..., plan_only: _Optional[bool] = ..., forget: _Optional[bool] = ...) -> None: ...

class ResetResponse(_message.Message):
    __slots__ = ("steps", "limit", "request")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedScalarFieldContainer[str]
    limit: float
    request: str
    def __init__(self, steps: _Optional[_Iterable[str]] = ..., limit: _Optional[float] = ..., request: _Optional[str] = ...) -> None: ...
