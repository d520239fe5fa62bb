from livetrain.proto import telemetry_pb2 as _telemetry_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LiveMessage(_message.Message):
    __slots__ = ("snapshot", "events", "frame", "state", "performance", "resumed", "presence", "curves", "beat")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    CURVES_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    events: Events
    frame: Frame
    state: RunState
    performance: Performance
    resumed: Resumed
    presence: Presence
    curves: Curves
    beat: Beat
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., events: _Optional[_Union[Events, _Mapping]] = ..., frame: _Optional[_Union[Frame, _Mapping]] = ..., state: _Optional[_Union[RunState, _Mapping]] = ..., performance: _Optional[_Union[Performance, _Mapping]] = ..., resumed: _Optional[_Union[Resumed, _Mapping]] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ..., curves: _Optional[_Union[Curves, _Mapping]] = ..., beat: _Optional[_Union[Beat, _Mapping]] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("epoch", "offset", "state", "curves", "recent", "frame", "performance", "presence", "tips", "metric_count")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CURVES_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    TIPS_FIELD_NUMBER: _ClassVar[int]
    METRIC_COUNT_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    offset: int
    state: RunState
    curves: _containers.RepeatedCompositeFieldContainer[Curve]
    recent: _containers.RepeatedCompositeFieldContainer[RunEvent]
    frame: Frame
    performance: Performance
    presence: Presence
    tips: _containers.RepeatedCompositeFieldContainer[CurveTip]
    metric_count: int
    def __init__(self, epoch: _Optional[str] = ..., offset: _Optional[int] = ..., state: _Optional[_Union[RunState, _Mapping]] = ..., curves: _Optional[_Iterable[_Union[Curve, _Mapping]]] = ..., recent: _Optional[_Iterable[_Union[RunEvent, _Mapping]]] = ..., frame: _Optional[_Union[Frame, _Mapping]] = ..., performance: _Optional[_Union[Performance, _Mapping]] = ..., presence: _Optional[_Union[Presence, _Mapping]] = ..., tips: _Optional[_Iterable[_Union[CurveTip, _Mapping]]] = ..., metric_count: _Optional[int] = ...) -> None: ...

class CurveTip(_message.Message):
    __slots__ = ("name", "step", "value", "time", "points", "nonfinite", "last_finite_step", "last_finite", "attempt")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NONFINITE_FIELD_NUMBER: _ClassVar[int]
    LAST_FINITE_STEP_FIELD_NUMBER: _ClassVar[int]
    LAST_FINITE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    name: str
    step: int
    value: float
    time: float
    points: int
    nonfinite: int
    last_finite_step: int
    last_finite: float
    attempt: int
    def __init__(self, name: _Optional[str] = ..., step: _Optional[int] = ..., value: _Optional[float] = ..., time: _Optional[float] = ..., points: _Optional[int] = ..., nonfinite: _Optional[int] = ..., last_finite_step: _Optional[int] = ..., last_finite: _Optional[float] = ..., attempt: _Optional[int] = ...) -> None: ...

class Curves(_message.Message):
    __slots__ = ("curves",)
    CURVES_FIELD_NUMBER: _ClassVar[int]
    curves: _containers.RepeatedCompositeFieldContainer[Curve]
    def __init__(self, curves: _Optional[_Iterable[_Union[Curve, _Mapping]]] = ...) -> None: ...

class Resumed(_message.Message):
    __slots__ = ("epoch", "from_offset", "to_offset", "state")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    TO_OFFSET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    from_offset: int
    to_offset: int
    state: RunState
    def __init__(self, epoch: _Optional[str] = ..., from_offset: _Optional[int] = ..., to_offset: _Optional[int] = ..., state: _Optional[_Union[RunState, _Mapping]] = ...) -> None: ...

class Events(_message.Message):
    __slots__ = ("epoch", "events")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    events: _containers.RepeatedCompositeFieldContainer[RunEvent]
    def __init__(self, epoch: _Optional[str] = ..., events: _Optional[_Iterable[_Union[RunEvent, _Mapping]]] = ...) -> None: ...

class RunEvent(_message.Message):
    __slots__ = ("offset", "received_ms", "stream_id", "rank", "record", "attempt", "clock_offset_us")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MS_FIELD_NUMBER: _ClassVar[int]
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CLOCK_OFFSET_US_FIELD_NUMBER: _ClassVar[int]
    offset: int
    received_ms: int
    stream_id: str
    rank: int
    record: _telemetry_pb2.TelemetryRequest
    attempt: int
    clock_offset_us: int
    def __init__(self, offset: _Optional[int] = ..., received_ms: _Optional[int] = ..., stream_id: _Optional[str] = ..., rank: _Optional[int] = ..., record: _Optional[_Union[_telemetry_pb2.TelemetryRequest, _Mapping]] = ..., attempt: _Optional[int] = ..., clock_offset_us: _Optional[int] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("frame_number", "received_us", "rank", "skipped", "record", "kept")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_US_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    received_us: int
    rank: int
    skipped: int
    record: _telemetry_pb2.TelemetryRequest
    kept: _containers.RepeatedCompositeFieldContainer[_telemetry_pb2.ImageData]
    def __init__(self, frame_number: _Optional[int] = ..., received_us: _Optional[int] = ..., rank: _Optional[int] = ..., skipped: _Optional[int] = ..., record: _Optional[_Union[_telemetry_pb2.TelemetryRequest, _Mapping]] = ..., kept: _Optional[_Iterable[_Union[_telemetry_pb2.ImageData, _Mapping]]] = ...) -> None: ...

class Curve(_message.Message):
    __slots__ = ("name", "steps", "values", "times", "total_points", "attempt")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_POINTS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    name: str
    steps: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    times: _containers.RepeatedScalarFieldContainer[float]
    total_points: int
    attempt: int
    def __init__(self, name: _Optional[str] = ..., steps: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[float]] = ..., times: _Optional[_Iterable[float]] = ..., total_points: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("attempt", "from_step")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FROM_STEP_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    from_step: int
    def __init__(self, attempt: _Optional[int] = ..., from_step: _Optional[int] = ...) -> None: ...

class RunState(_message.Message):
    __slots__ = ("run_id", "name", "project", "status", "contact", "message", "created_ms", "last_heard_ms", "steps", "epoch", "config", "tags", "controls", "report", "ended_ms", "world_size", "first_point_us", "clock_offset_us", "attempts", "remarks", "traceback", "trouble", "ranks")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CREATED_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARD_MS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    WORLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    FIRST_POINT_US_FIELD_NUMBER: _ClassVar[int]
    CLOCK_OFFSET_US_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REMARKS_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    RANKS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    name: str
    project: str
    status: str
    contact: str
    message: str
    created_ms: int
    last_heard_ms: int
    steps: int
    epoch: int
    config: _telemetry_pb2.TrainingConfig
    tags: _containers.RepeatedScalarFieldContainer[str]
    controls: _containers.RepeatedCompositeFieldContainer[_telemetry_pb2.ControlDeclaration]
    report: _telemetry_pb2.ClientReport
    ended_ms: int
    world_size: int
    first_point_us: int
    clock_offset_us: int
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    remarks: _containers.RepeatedScalarFieldContainer[str]
    traceback: str
    trouble: str
    ranks: _containers.RepeatedCompositeFieldContainer[RankState]
    def __init__(self, run_id: _Optional[str] = ..., name: _Optional[str] = ..., project: _Optional[str] = ..., status: _Optional[str] = ..., contact: _Optional[str] = ..., message: _Optional[str] = ..., created_ms: _Optional[int] = ..., last_heard_ms: _Optional[int] = ..., steps: _Optional[int] = ..., epoch: _Optional[int] = ..., config: _Optional[_Union[_telemetry_pb2.TrainingConfig, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., controls: _Optional[_Iterable[_Union[_telemetry_pb2.ControlDeclaration, _Mapping]]] = ..., report: _Optional[_Union[_telemetry_pb2.ClientReport, _Mapping]] = ..., ended_ms: _Optional[int] = ..., world_size: _Optional[int] = ..., first_point_us: _Optional[int] = ..., clock_offset_us: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., remarks: _Optional[_Iterable[str]] = ..., traceback: _Optional[str] = ..., trouble: _Optional[str] = ..., ranks: _Optional[_Iterable[_Union[RankState, _Mapping]]] = ...) -> None: ...

class Performance(_message.Message):
    __slots__ = ("data", "ingest_fps", "ranks", "remarks")
    DATA_FIELD_NUMBER: _ClassVar[int]
    INGEST_FPS_FIELD_NUMBER: _ClassVar[int]
    RANKS_FIELD_NUMBER: _ClassVar[int]
    REMARKS_FIELD_NUMBER: _ClassVar[int]
    data: _telemetry_pb2.PerformanceData
    ingest_fps: float
    ranks: _containers.RepeatedCompositeFieldContainer[RankState]
    remarks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, data: _Optional[_Union[_telemetry_pb2.PerformanceData, _Mapping]] = ..., ingest_fps: _Optional[float] = ..., ranks: _Optional[_Iterable[_Union[RankState, _Mapping]]] = ..., remarks: _Optional[_Iterable[str]] = ...) -> None: ...

class RankState(_message.Message):
    __slots__ = ("rank", "contact", "status", "steps", "step_ms", "own_ms", "last_heard_ms", "sends_frames")
    RANK_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STEP_MS_FIELD_NUMBER: _ClassVar[int]
    OWN_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARD_MS_FIELD_NUMBER: _ClassVar[int]
    SENDS_FRAMES_FIELD_NUMBER: _ClassVar[int]
    rank: int
    contact: str
    status: str
    steps: int
    step_ms: float
    own_ms: float
    last_heard_ms: int
    sends_frames: bool
    def __init__(self, rank: _Optional[int] = ..., contact: _Optional[str] = ..., status: _Optional[str] = ..., steps: _Optional[int] = ..., step_ms: _Optional[float] = ..., own_ms: _Optional[float] = ..., last_heard_ms: _Optional[int] = ..., sends_frames: bool = ...) -> None: ...

class Beat(_message.Message):
    __slots__ = ("server_us",)
    SERVER_US_FIELD_NUMBER: _ClassVar[int]
    server_us: int
    def __init__(self, server_us: _Optional[int] = ...) -> None: ...

class Presence(_message.Message):
    __slots__ = ("viewers", "names")
    VIEWERS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    viewers: int
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, viewers: _Optional[int] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class ViewerMessage(_message.Message):
    __slots__ = ("hello", "frame_credit", "ping", "introduce", "watch_rank")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    FRAME_CREDIT_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    INTRODUCE_FIELD_NUMBER: _ClassVar[int]
    WATCH_RANK_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    frame_credit: FrameCredit
    ping: Ping
    introduce: Introduce
    watch_rank: WatchRank
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., frame_credit: _Optional[_Union[FrameCredit, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., introduce: _Optional[_Union[Introduce, _Mapping]] = ..., watch_rank: _Optional[_Union[WatchRank, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("epoch", "offset", "points", "no_frames", "name", "rank", "no_curves")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NO_FRAMES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    NO_CURVES_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    offset: int
    points: int
    no_frames: bool
    name: str
    rank: int
    no_curves: bool
    def __init__(self, epoch: _Optional[str] = ..., offset: _Optional[int] = ..., points: _Optional[int] = ..., no_frames: bool = ..., name: _Optional[str] = ..., rank: _Optional[int] = ..., no_curves: bool = ...) -> None: ...

class Introduce(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class WatchRank(_message.Message):
    __slots__ = ("rank",)
    RANK_FIELD_NUMBER: _ClassVar[int]
    rank: int
    def __init__(self, rank: _Optional[int] = ...) -> None: ...

class FrameCredit(_message.Message):
    __slots__ = ("frames", "painted_frame")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PAINTED_FRAME_FIELD_NUMBER: _ClassVar[int]
    frames: int
    painted_frame: int
    def __init__(self, frames: _Optional[int] = ..., painted_frame: _Optional[int] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("run_id", "hello")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    hello: Hello
    def __init__(self, run_id: _Optional[str] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ...) -> None: ...
