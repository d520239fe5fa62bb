from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StripReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRIP_REASON_NONE: _ClassVar[StripReason]
    STRIP_REASON_SUPERSEDED: _ClassVar[StripReason]
    STRIP_REASON_RATE: _ClassVar[StripReason]
    STRIP_REASON_BUDGET: _ClassVar[StripReason]
    STRIP_REASON_UNWATCHED: _ClassVar[StripReason]
    STRIP_REASON_OFFLINE: _ClassVar[StripReason]
    STRIP_REASON_RECONNECT: _ClassVar[StripReason]
    STRIP_REASON_OVERSIZE: _ClassVar[StripReason]
    STRIP_REASON_UNREADABLE: _ClassVar[StripReason]
    STRIP_REASON_UNCHANGED: _ClassVar[StripReason]

class TrainingStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[TrainingStatus]
    INITIALIZING: _ClassVar[TrainingStatus]
    RUNNING: _ClassVar[TrainingStatus]
    PAUSED: _ClassVar[TrainingStatus]
    COMPLETED: _ClassVar[TrainingStatus]
    FAILED: _ClassVar[TrainingStatus]

class CommandState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMAND_STATE_UNKNOWN: _ClassVar[CommandState]
    QUEUED: _ClassVar[CommandState]
    SENT: _ClassVar[CommandState]
    ACCEPTED: _ClassVar[CommandState]
    APPLIED: _ClassVar[CommandState]
    REJECTED: _ClassVar[CommandState]
    EXPIRED: _ClassVar[CommandState]
    COMMAND_FAILED: _ClassVar[CommandState]

class LogLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_LEVEL_UNKNOWN: _ClassVar[LogLevel]
    DEBUG: _ClassVar[LogLevel]
    INFO: _ClassVar[LogLevel]
    WARNING: _ClassVar[LogLevel]
    ERROR: _ClassVar[LogLevel]
    CRITICAL: _ClassVar[LogLevel]
STRIP_REASON_NONE: StripReason
STRIP_REASON_SUPERSEDED: StripReason
STRIP_REASON_RATE: StripReason
STRIP_REASON_BUDGET: StripReason
STRIP_REASON_UNWATCHED: StripReason
STRIP_REASON_OFFLINE: StripReason
STRIP_REASON_RECONNECT: StripReason
STRIP_REASON_OVERSIZE: StripReason
STRIP_REASON_UNREADABLE: StripReason
STRIP_REASON_UNCHANGED: StripReason
UNKNOWN: TrainingStatus
INITIALIZING: TrainingStatus
RUNNING: TrainingStatus
PAUSED: TrainingStatus
COMPLETED: TrainingStatus
FAILED: TrainingStatus
COMMAND_STATE_UNKNOWN: CommandState
QUEUED: CommandState
SENT: CommandState
ACCEPTED: CommandState
APPLIED: CommandState
REJECTED: CommandState
EXPIRED: CommandState
COMMAND_FAILED: CommandState
LOG_LEVEL_UNKNOWN: LogLevel
DEBUG: LogLevel
INFO: LogLevel
WARNING: LogLevel
ERROR: LogLevel
CRITICAL: LogLevel

class TelemetryRequest(_message.Message):
    __slots__ = ("session_id", "timestamp_ms", "batch_data", "epoch_data", "performance_data", "status_update", "heartbeat", "stream_open", "client_report", "command_result", "tombstone", "scalars", "validation", "round", "sample", "log", "event", "bundle", "controls", "command_issued", "columns", "seq", "frames_stripped", "strip_reason", "mono_us", "logged_us")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    BATCH_DATA_FIELD_NUMBER: _ClassVar[int]
    EPOCH_DATA_FIELD_NUMBER: _ClassVar[int]
    PERFORMANCE_DATA_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    STREAM_OPEN_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REPORT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_RESULT_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    SCALARS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ISSUED_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    FRAMES_STRIPPED_FIELD_NUMBER: _ClassVar[int]
    STRIP_REASON_FIELD_NUMBER: _ClassVar[int]
    MONO_US_FIELD_NUMBER: _ClassVar[int]
    LOGGED_US_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    timestamp_ms: int
    batch_data: BatchData
    epoch_data: EpochData
    performance_data: PerformanceData
    status_update: StatusUpdate
    heartbeat: Heartbeat
    stream_open: StreamOpen
    client_report: ClientReport
    command_result: CommandResult
    tombstone: Tombstone
    scalars: Scalars
    validation: Validation
    round: Round
    sample: Sample
    log: Log
    event: Event
    bundle: RecordBundle
    controls: Controls
    command_issued: CommandIssued
    columns: PointColumns
    seq: int
    frames_stripped: int
    strip_reason: StripReason
    mono_us: int
    logged_us: int
    def __init__(self, session_id: _Optional[str] = ..., timestamp_ms: _Optional[int] = ..., batch_data: _Optional[_Union[BatchData, _Mapping]] = ..., epoch_data: _Optional[_Union[EpochData, _Mapping]] = ..., performance_data: _Optional[_Union[PerformanceData, _Mapping]] = ..., status_update: _Optional[_Union[StatusUpdate, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., stream_open: _Optional[_Union[StreamOpen, _Mapping]] = ..., client_report: _Optional[_Union[ClientReport, _Mapping]] = ..., command_result: _Optional[_Union[CommandResult, _Mapping]] = ..., tombstone: _Optional[_Union[Tombstone, _Mapping]] = ..., scalars: _Optional[_Union[Scalars, _Mapping]] = ..., validation: _Optional[_Union[Validation, _Mapping]] = ..., round: _Optional[_Union[Round, _Mapping]] = ..., sample: _Optional[_Union[Sample, _Mapping]] = ..., log: _Optional[_Union[Log, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., bundle: _Optional[_Union[RecordBundle, _Mapping]] = ..., controls: _Optional[_Union[Controls, _Mapping]] = ..., command_issued: _Optional[_Union[CommandIssued, _Mapping]] = ..., columns: _Optional[_Union[PointColumns, _Mapping]] = ..., seq: _Optional[int] = ..., frames_stripped: _Optional[int] = ..., strip_reason: _Optional[_Union[StripReason, str]] = ..., mono_us: _Optional[int] = ..., logged_us: _Optional[int] = ...) -> None: ...

class RecordBundle(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, records: _Optional[_Iterable[bytes]] = ...) -> None: ...

class BatchData(_message.Message):
    __slots__ = ("epoch", "batch_idx", "batch_size", "images", "predictions", "ground_truth", "batch_loss", "batch_accuracy", "timestamp_ms", "step", "per_sample_loss", "strip", "sample_ids", "captions", "logged_us", "exact_loss", "exact_accuracy", "value_range", "exact_per_sample_loss", "untold_losses")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BATCH_IDX_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    GROUND_TRUTH_FIELD_NUMBER: _ClassVar[int]
    BATCH_LOSS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PER_SAMPLE_LOSS_FIELD_NUMBER: _ClassVar[int]
    STRIP_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_IDS_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    LOGGED_US_FIELD_NUMBER: _ClassVar[int]
    EXACT_LOSS_FIELD_NUMBER: _ClassVar[int]
    EXACT_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    VALUE_RANGE_FIELD_NUMBER: _ClassVar[int]
    EXACT_PER_SAMPLE_LOSS_FIELD_NUMBER: _ClassVar[int]
    UNTOLD_LOSSES_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    batch_idx: int
    batch_size: int
    images: _containers.RepeatedCompositeFieldContainer[ImageData]
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    ground_truth: _containers.RepeatedScalarFieldContainer[int]
    batch_loss: float
    batch_accuracy: float
    timestamp_ms: int
    step: int
    per_sample_loss: _containers.RepeatedScalarFieldContainer[float]
    strip: ImageStrip
    sample_ids: _containers.RepeatedScalarFieldContainer[str]
    captions: _containers.RepeatedScalarFieldContainer[str]
    logged_us: int
    exact_loss: float
    exact_accuracy: float
    value_range: ValueRange
    exact_per_sample_loss: _containers.RepeatedScalarFieldContainer[float]
    untold_losses: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, epoch: _Optional[int] = ..., batch_idx: _Optional[int] = ..., batch_size: _Optional[int] = ..., images: _Optional[_Iterable[_Union[ImageData, _Mapping]]] = ..., predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., ground_truth: _Optional[_Iterable[int]] = ..., batch_loss: _Optional[float] = ..., batch_accuracy: _Optional[float] = ..., timestamp_ms: _Optional[int] = ..., step: _Optional[int] = ..., per_sample_loss: _Optional[_Iterable[float]] = ..., strip: _Optional[_Union[ImageStrip, _Mapping]] = ..., sample_ids: _Optional[_Iterable[str]] = ..., captions: _Optional[_Iterable[str]] = ..., logged_us: _Optional[int] = ..., exact_loss: _Optional[float] = ..., exact_accuracy: _Optional[float] = ..., value_range: _Optional[_Union[ValueRange, _Mapping]] = ..., exact_per_sample_loss: _Optional[_Iterable[float]] = ..., untold_losses: _Optional[_Iterable[int]] = ...) -> None: ...

class ValueRange(_message.Message):
    __slots__ = ("shown_low", "shown_high", "seen_low", "seen_high")
    SHOWN_LOW_FIELD_NUMBER: _ClassVar[int]
    SHOWN_HIGH_FIELD_NUMBER: _ClassVar[int]
    SEEN_LOW_FIELD_NUMBER: _ClassVar[int]
    SEEN_HIGH_FIELD_NUMBER: _ClassVar[int]
    shown_low: float
    shown_high: float
    seen_low: float
    seen_high: float
    def __init__(self, shown_low: _Optional[float] = ..., shown_high: _Optional[float] = ..., seen_low: _Optional[float] = ..., seen_high: _Optional[float] = ...) -> None: ...

class ImageData(_message.Message):
    __slots__ = ("image_bytes", "format", "width", "height", "channels", "image_id", "error", "content_hash")
    IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    image_bytes: bytes
    format: str
    width: int
    height: int
    channels: int
    image_id: str
    error: str
    content_hash: int
    def __init__(self, image_bytes: _Optional[bytes] = ..., format: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., channels: _Optional[int] = ..., image_id: _Optional[str] = ..., error: _Optional[str] = ..., content_hash: _Optional[int] = ...) -> None: ...

class ImageStrip(_message.Message):
    __slots__ = ("image_bytes", "format", "tile_width", "tile_height", "count", "channels")
    IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TILE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    TILE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    image_bytes: bytes
    format: str
    tile_width: int
    tile_height: int
    count: int
    channels: int
    def __init__(self, image_bytes: _Optional[bytes] = ..., format: _Optional[str] = ..., tile_width: _Optional[int] = ..., tile_height: _Optional[int] = ..., count: _Optional[int] = ..., channels: _Optional[int] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("predicted_class", "predicted_label", "confidence", "top_k_scores")
    PREDICTED_CLASS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_LABEL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    TOP_K_SCORES_FIELD_NUMBER: _ClassVar[int]
    predicted_class: int
    predicted_label: str
    confidence: float
    top_k_scores: _containers.RepeatedCompositeFieldContainer[ClassScore]
    def __init__(self, predicted_class: _Optional[int] = ..., predicted_label: _Optional[str] = ..., confidence: _Optional[float] = ..., top_k_scores: _Optional[_Iterable[_Union[ClassScore, _Mapping]]] = ...) -> None: ...

class ClassScore(_message.Message):
    __slots__ = ("class_idx", "label", "score")
    CLASS_IDX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    class_idx: int
    label: str
    score: float
    def __init__(self, class_idx: _Optional[int] = ..., label: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class EpochData(_message.Message):
    __slots__ = ("epoch", "average_loss", "average_accuracy", "learning_rate", "is_converged", "validation_loss", "validation_accuracy", "timestamp_ms", "step", "metrics", "has_loss", "has_accuracy", "has_learning_rate", "exact_loss", "exact_accuracy", "exact_learning_rate", "exact_validation_loss", "exact_validation_accuracy", "validation_metrics")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_LOSS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    IS_CONVERGED_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    HAS_LOSS_FIELD_NUMBER: _ClassVar[int]
    HAS_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    HAS_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    EXACT_LOSS_FIELD_NUMBER: _ClassVar[int]
    EXACT_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    EXACT_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    EXACT_VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    EXACT_VALIDATION_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_METRICS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    average_loss: float
    average_accuracy: float
    learning_rate: float
    is_converged: bool
    validation_loss: float
    validation_accuracy: float
    timestamp_ms: int
    step: int
    metrics: _containers.RepeatedCompositeFieldContainer[Scalar]
    has_loss: bool
    has_accuracy: bool
    has_learning_rate: bool
    exact_loss: float
    exact_accuracy: float
    exact_learning_rate: float
    exact_validation_loss: float
    exact_validation_accuracy: float
    validation_metrics: _containers.RepeatedCompositeFieldContainer[Scalar]
    def __init__(self, epoch: _Optional[int] = ..., average_loss: _Optional[float] = ..., average_accuracy: _Optional[float] = ..., learning_rate: _Optional[float] = ..., is_converged: bool = ..., validation_loss: _Optional[float] = ..., validation_accuracy: _Optional[float] = ..., timestamp_ms: _Optional[int] = ..., step: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ..., has_loss: bool = ..., has_accuracy: bool = ..., has_learning_rate: bool = ..., exact_loss: _Optional[float] = ..., exact_accuracy: _Optional[float] = ..., exact_learning_rate: _Optional[float] = ..., exact_validation_loss: _Optional[float] = ..., exact_validation_accuracy: _Optional[float] = ..., validation_metrics: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ...) -> None: ...

class PerformanceData(_message.Message):
    __slots__ = ("time_per_batch_ms", "total_time_for_epoch_sec", "estimated_time_remaining_sec", "current_fps", "average_fps", "resource_usage", "timestamp_ms", "step", "overhead_percent", "own_ms")
    TIME_PER_BATCH_MS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TIME_FOR_EPOCH_SEC_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_TIME_REMAINING_SEC_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FPS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FPS_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_USAGE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    OVERHEAD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    OWN_MS_FIELD_NUMBER: _ClassVar[int]
    time_per_batch_ms: float
    total_time_for_epoch_sec: float
    estimated_time_remaining_sec: float
    current_fps: float
    average_fps: float
    resource_usage: ResourceUsage
    timestamp_ms: int
    step: int
    overhead_percent: float
    own_ms: float
    def __init__(self, time_per_batch_ms: _Optional[float] = ..., total_time_for_epoch_sec: _Optional[float] = ..., estimated_time_remaining_sec: _Optional[float] = ..., current_fps: _Optional[float] = ..., average_fps: _Optional[float] = ..., resource_usage: _Optional[_Union[ResourceUsage, _Mapping]] = ..., timestamp_ms: _Optional[int] = ..., step: _Optional[int] = ..., overhead_percent: _Optional[float] = ..., own_ms: _Optional[float] = ...) -> None: ...

class ResourceUsage(_message.Message):
    __slots__ = ("cpu_percent", "memory_mb", "gpu_percent", "gpu_memory_mb", "memory_total_mb", "gpu_memory_total_mb", "has_gpu")
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    GPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_MB_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_TOTAL_MB_FIELD_NUMBER: _ClassVar[int]
    HAS_GPU_FIELD_NUMBER: _ClassVar[int]
    cpu_percent: float
    memory_mb: float
    gpu_percent: float
    gpu_memory_mb: float
    memory_total_mb: float
    gpu_memory_total_mb: float
    has_gpu: bool
    def __init__(self, cpu_percent: _Optional[float] = ..., memory_mb: _Optional[float] = ..., gpu_percent: _Optional[float] = ..., gpu_memory_mb: _Optional[float] = ..., memory_total_mb: _Optional[float] = ..., gpu_memory_total_mb: _Optional[float] = ..., has_gpu: bool = ...) -> None: ...

class StatusUpdate(_message.Message):
    __slots__ = ("status", "message", "config", "timestamp_ms", "interrupted", "traceback", "exit_code", "run_name")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    RUN_NAME_FIELD_NUMBER: _ClassVar[int]
    status: TrainingStatus
    message: str
    config: TrainingConfig
    timestamp_ms: int
    interrupted: bool
    traceback: str
    exit_code: int
    run_name: str
    def __init__(self, status: _Optional[_Union[TrainingStatus, str]] = ..., message: _Optional[str] = ..., config: _Optional[_Union[TrainingConfig, _Mapping]] = ..., timestamp_ms: _Optional[int] = ..., interrupted: bool = ..., traceback: _Optional[str] = ..., exit_code: _Optional[int] = ..., run_name: _Optional[str] = ...) -> None: ...

class TrainingConfig(_message.Message):
    __slots__ = ("total_epochs", "batches_per_epoch", "batch_size", "model_name", "dataset_name", "class_names", "config_json")
    TOTAL_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_NAME_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAMES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    total_epochs: int
    batches_per_epoch: int
    batch_size: int
    model_name: str
    dataset_name: str
    class_names: _containers.RepeatedScalarFieldContainer[str]
    config_json: str
    def __init__(self, total_epochs: _Optional[int] = ..., batches_per_epoch: _Optional[int] = ..., batch_size: _Optional[int] = ..., model_name: _Optional[str] = ..., dataset_name: _Optional[str] = ..., class_names: _Optional[_Iterable[str]] = ..., config_json: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("timestamp_ms", "sequence_number")
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    timestamp_ms: int
    sequence_number: int
    def __init__(self, timestamp_ms: _Optional[int] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class StreamOpen(_message.Message):
    __slots__ = ("stream_id", "rank", "world_size", "first_unacked_seq", "protocol_version", "resume_token")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    WORLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    FIRST_UNACKED_SEQ_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    stream_id: str
    rank: int
    world_size: int
    first_unacked_seq: int
    protocol_version: int
    resume_token: str
    def __init__(self, stream_id: _Optional[str] = ..., rank: _Optional[int] = ..., world_size: _Optional[int] = ..., first_unacked_seq: _Optional[int] = ..., protocol_version: _Optional[int] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ClientReport(_message.Message):
    __slots__ = ("counters", "training_thread_seconds", "background_seconds", "overhead_percent", "governor", "starts")
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class StartsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ReportedCounts
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ReportedCounts, _Mapping]] = ...) -> None: ...
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_THREAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OVERHEAD_PERCENT_FIELD_NUMBER: _ClassVar[int]
    GOVERNOR_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    counters: _containers.ScalarMap[str, int]
    training_thread_seconds: float
    background_seconds: float
    overhead_percent: float
    governor: str
    starts: _containers.MessageMap[str, ReportedCounts]
    def __init__(self, counters: _Optional[_Mapping[str, int]] = ..., training_thread_seconds: _Optional[float] = ..., background_seconds: _Optional[float] = ..., overhead_percent: _Optional[float] = ..., governor: _Optional[str] = ..., starts: _Optional[_Mapping[str, ReportedCounts]] = ...) -> None: ...

class ReportedCounts(_message.Message):
    __slots__ = ("counters",)
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: _containers.ScalarMap[str, int]
    def __init__(self, counters: _Optional[_Mapping[str, int]] = ...) -> None: ...

class CommandIssued(_message.Message):
    __slots__ = ("command_id", "verb", "parameters", "issued_by", "issued_ms", "expires_ms", "origin")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    ISSUED_BY_FIELD_NUMBER: _ClassVar[int]
    ISSUED_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_MS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    verb: str
    parameters: _containers.ScalarMap[str, str]
    issued_by: str
    issued_ms: int
    expires_ms: int
    origin: str
    def __init__(self, command_id: _Optional[str] = ..., verb: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ..., issued_by: _Optional[str] = ..., issued_ms: _Optional[int] = ..., expires_ms: _Optional[int] = ..., origin: _Optional[str] = ...) -> None: ...

class CommandResult(_message.Message):
    __slots__ = ("command_id", "state", "applied_step", "message", "values", "ranks", "previous", "pending", "replay")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PreviousEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    APPLIED_STEP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    RANKS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    state: CommandState
    applied_step: int
    message: str
    values: _containers.ScalarMap[str, str]
    ranks: _containers.RepeatedScalarFieldContainer[int]
    previous: _containers.ScalarMap[str, str]
    pending: bool
    replay: CommandReplay
    def __init__(self, command_id: _Optional[str] = ..., state: _Optional[_Union[CommandState, str]] = ..., applied_step: _Optional[int] = ..., message: _Optional[str] = ..., values: _Optional[_Mapping[str, str]] = ..., ranks: _Optional[_Iterable[int]] = ..., previous: _Optional[_Mapping[str, str]] = ..., pending: bool = ..., replay: _Optional[_Union[CommandReplay, _Mapping]] = ...) -> None: ...

class CommandReplay(_message.Message):
    __slots__ = ("verb", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERB_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    verb: str
    parameters: _containers.ScalarMap[str, str]
    def __init__(self, verb: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Tombstone(_message.Message):
    __slots__ = ("reason", "records", "step", "last_step")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LAST_STEP_FIELD_NUMBER: _ClassVar[int]
    reason: str
    records: int
    step: int
    last_step: int
    def __init__(self, reason: _Optional[str] = ..., records: _Optional[int] = ..., step: _Optional[int] = ..., last_step: _Optional[int] = ...) -> None: ...

class Scalar(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class Scalars(_message.Message):
    __slots__ = ("step", "values", "epoch")
    STEP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    step: int
    values: _containers.RepeatedCompositeFieldContainer[Scalar]
    epoch: int
    def __init__(self, step: _Optional[int] = ..., values: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ..., epoch: _Optional[int] = ...) -> None: ...

class PointColumns(_message.Message):
    __slots__ = ("columns", "epoch", "batches")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[PointColumn]
    epoch: int
    batches: BatchRows
    def __init__(self, columns: _Optional[_Iterable[_Union[PointColumn, _Mapping]]] = ..., epoch: _Optional[int] = ..., batches: _Optional[_Union[BatchRows, _Mapping]] = ...) -> None: ...

class PointColumn(_message.Message):
    __slots__ = ("name", "steps", "times_us", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TIMES_US_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    steps: bytes
    times_us: bytes
    values: bytes
    def __init__(self, name: _Optional[str] = ..., steps: _Optional[bytes] = ..., times_us: _Optional[bytes] = ..., values: _Optional[bytes] = ...) -> None: ...

class BatchRows(_message.Message):
    __slots__ = ("first_batch_idx", "batch_size")
    FIRST_BATCH_IDX_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    first_batch_idx: int
    batch_size: int
    def __init__(self, first_batch_idx: _Optional[int] = ..., batch_size: _Optional[int] = ...) -> None: ...

class Validation(_message.Message):
    __slots__ = ("epoch", "step", "loss", "accuracy", "metrics")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    step: int
    loss: float
    accuracy: float
    metrics: _containers.RepeatedCompositeFieldContainer[Scalar]
    def __init__(self, epoch: _Optional[int] = ..., step: _Optional[int] = ..., loss: _Optional[float] = ..., accuracy: _Optional[float] = ..., metrics: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ...) -> None: ...

class Round(_message.Message):
    __slots__ = ("round", "total_rounds", "metrics", "fit_metrics", "evaluation_metrics", "client_id", "phase")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    TOTAL_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    FIT_METRICS_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_METRICS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    round: int
    total_rounds: int
    metrics: _containers.RepeatedCompositeFieldContainer[Scalar]
    fit_metrics: _containers.RepeatedCompositeFieldContainer[Scalar]
    evaluation_metrics: _containers.RepeatedCompositeFieldContainer[Scalar]
    client_id: str
    phase: str
    def __init__(self, round: _Optional[int] = ..., total_rounds: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ..., fit_metrics: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ..., evaluation_metrics: _Optional[_Iterable[_Union[Scalar, _Mapping]]] = ..., client_id: _Optional[str] = ..., phase: _Optional[str] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ("sample_id", "image", "prompt", "kind", "step", "epoch")
    SAMPLE_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    sample_id: str
    image: ImageData
    prompt: str
    kind: str
    step: int
    epoch: int
    def __init__(self, sample_id: _Optional[str] = ..., image: _Optional[_Union[ImageData, _Mapping]] = ..., prompt: _Optional[str] = ..., kind: _Optional[str] = ..., step: _Optional[int] = ..., epoch: _Optional[int] = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("level", "message", "source", "step")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    level: LogLevel
    message: str
    source: str
    step: int
    def __init__(self, level: _Optional[_Union[LogLevel, str]] = ..., message: _Optional[str] = ..., source: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("kind", "message", "fields", "step")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    kind: str
    message: str
    fields: _containers.ScalarMap[str, str]
    step: int
    def __init__(self, kind: _Optional[str] = ..., message: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ..., step: _Optional[int] = ...) -> None: ...

class TelemetryResponse(_message.Message):
    __slots__ = ("session_id", "timestamp_ms", "ack", "command", "error")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    timestamp_ms: int
    ack: Acknowledgment
    command: ControlCommand
    error: ErrorResponse
    def __init__(self, session_id: _Optional[str] = ..., timestamp_ms: _Optional[int] = ..., ack: _Optional[_Union[Acknowledgment, _Mapping]] = ..., command: _Optional[_Union[ControlCommand, _Mapping]] = ..., error: _Optional[_Union[ErrorResponse, _Mapping]] = ...) -> None: ...

class Acknowledgment(_message.Message):
    __slots__ = ("batch_idx", "success", "durable_seq", "received_seq", "credit_bytes", "frame_interval_ms", "server_epoch", "pictures_wanted", "refused_points")
    BATCH_IDX_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQ_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_SEQ_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    FRAME_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    SERVER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PICTURES_WANTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_POINTS_FIELD_NUMBER: _ClassVar[int]
    batch_idx: int
    success: bool
    durable_seq: int
    received_seq: int
    credit_bytes: int
    frame_interval_ms: int
    server_epoch: str
    pictures_wanted: int
    refused_points: int
    def __init__(self, batch_idx: _Optional[int] = ..., success: bool = ..., durable_seq: _Optional[int] = ..., received_seq: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., frame_interval_ms: _Optional[int] = ..., server_epoch: _Optional[str] = ..., pictures_wanted: _Optional[int] = ..., refused_points: _Optional[int] = ...) -> None: ...

class ControlCommand(_message.Message):
    __slots__ = ("type", "parameters", "command_id", "ttl_ms", "issued_by", "verb")
    class CommandType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN_COMMAND: _ClassVar[ControlCommand.CommandType]
        PAUSE_TRAINING: _ClassVar[ControlCommand.CommandType]
        RESUME_TRAINING: _ClassVar[ControlCommand.CommandType]
        STOP_TRAINING: _ClassVar[ControlCommand.CommandType]
        ADJUST_BATCH_SIZE: _ClassVar[ControlCommand.CommandType]
        CHANGE_LEARNING_RATE: _ClassVar[ControlCommand.CommandType]
        CUSTOM: _ClassVar[ControlCommand.CommandType]
    UNKNOWN_COMMAND: ControlCommand.CommandType
    PAUSE_TRAINING: ControlCommand.CommandType
    RESUME_TRAINING: ControlCommand.CommandType
    STOP_TRAINING: ControlCommand.CommandType
    ADJUST_BATCH_SIZE: ControlCommand.CommandType
    CHANGE_LEARNING_RATE: ControlCommand.CommandType
    CUSTOM: ControlCommand.CommandType
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    TTL_MS_FIELD_NUMBER: _ClassVar[int]
    ISSUED_BY_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    type: ControlCommand.CommandType
    parameters: _containers.ScalarMap[str, str]
    command_id: str
    ttl_ms: int
    issued_by: str
    verb: str
    def __init__(self, type: _Optional[_Union[ControlCommand.CommandType, str]] = ..., parameters: _Optional[_Mapping[str, str]] = ..., command_id: _Optional[str] = ..., ttl_ms: _Optional[int] = ..., issued_by: _Optional[str] = ..., verb: _Optional[str] = ...) -> None: ...

class ErrorResponse(_message.Message):
    __slots__ = ("code", "message", "retryable", "retry_after_ms", "rejected_seq", "expected_seq", "replaced")
    class ErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN_ERROR: _ClassVar[ErrorResponse.ErrorCode]
        INVALID_SESSION: _ClassVar[ErrorResponse.ErrorCode]
        INVALID_DATA: _ClassVar[ErrorResponse.ErrorCode]
        BUFFER_FULL: _ClassVar[ErrorResponse.ErrorCode]
        INTERNAL_ERROR: _ClassVar[ErrorResponse.ErrorCode]
        CONNECTION_TIMEOUT: _ClassVar[ErrorResponse.ErrorCode]
        HEARTBEAT_TIMEOUT: _ClassVar[ErrorResponse.ErrorCode]
    UNKNOWN_ERROR: ErrorResponse.ErrorCode
    INVALID_SESSION: ErrorResponse.ErrorCode
    INVALID_DATA: ErrorResponse.ErrorCode
    BUFFER_FULL: ErrorResponse.ErrorCode
    INTERNAL_ERROR: ErrorResponse.ErrorCode
    CONNECTION_TIMEOUT: ErrorResponse.ErrorCode
    HEARTBEAT_TIMEOUT: ErrorResponse.ErrorCode
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_SEQ_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SEQ_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    code: ErrorResponse.ErrorCode
    message: str
    retryable: bool
    retry_after_ms: int
    rejected_seq: int
    expected_seq: int
    replaced: bool
    def __init__(self, code: _Optional[_Union[ErrorResponse.ErrorCode, str]] = ..., message: _Optional[str] = ..., retryable: bool = ..., retry_after_ms: _Optional[int] = ..., rejected_seq: _Optional[int] = ..., expected_seq: _Optional[int] = ..., replaced: bool = ...) -> None: ...

class SessionInfo(_message.Message):
    __slots__ = ("session_id", "client_name", "client_version", "config", "timestamp_ms", "protocol_version", "stream_id", "rank", "world_size", "resume_token", "first_unacked_seq", "capabilities", "run_name", "project", "tags", "controls", "sent_us", "resumed_step", "restart_count")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    WORLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FIRST_UNACKED_SEQ_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    RUN_NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    SENT_US_FIELD_NUMBER: _ClassVar[int]
    RESUMED_STEP_FIELD_NUMBER: _ClassVar[int]
    RESTART_COUNT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    client_name: str
    client_version: str
    config: TrainingConfig
    timestamp_ms: int
    protocol_version: int
    stream_id: str
    rank: int
    world_size: int
    resume_token: str
    first_unacked_seq: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    run_name: str
    project: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    controls: _containers.RepeatedCompositeFieldContainer[ControlDeclaration]
    sent_us: int
    resumed_step: int
    restart_count: int
    def __init__(self, session_id: _Optional[str] = ..., client_name: _Optional[str] = ..., client_version: _Optional[str] = ..., config: _Optional[_Union[TrainingConfig, _Mapping]] = ..., timestamp_ms: _Optional[int] = ..., protocol_version: _Optional[int] = ..., stream_id: _Optional[str] = ..., rank: _Optional[int] = ..., world_size: _Optional[int] = ..., resume_token: _Optional[str] = ..., first_unacked_seq: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., run_name: _Optional[str] = ..., project: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., controls: _Optional[_Iterable[_Union[ControlDeclaration, _Mapping]]] = ..., sent_us: _Optional[int] = ..., resumed_step: _Optional[int] = ..., restart_count: _Optional[int] = ...) -> None: ...

class Controls(_message.Message):
    __slots__ = ("declarations",)
    DECLARATIONS_FIELD_NUMBER: _ClassVar[int]
    declarations: _containers.RepeatedCompositeFieldContainer[ControlDeclaration]
    def __init__(self, declarations: _Optional[_Iterable[_Union[ControlDeclaration, _Mapping]]] = ...) -> None: ...

class ControlDeclaration(_message.Message):
    __slots__ = ("verb", "parameters", "title", "impossible")
    VERB_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    IMPOSSIBLE_FIELD_NUMBER: _ClassVar[int]
    verb: str
    parameters: _containers.RepeatedCompositeFieldContainer[ControlParameter]
    title: str
    impossible: str
    def __init__(self, verb: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[ControlParameter, _Mapping]]] = ..., title: _Optional[str] = ..., impossible: _Optional[str] = ...) -> None: ...

class ControlParameter(_message.Message):
    __slots__ = ("name", "kind", "minimum", "maximum", "default_value", "choices")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    minimum: float
    maximum: float
    default_value: str
    choices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., default_value: _Optional[str] = ..., choices: _Optional[_Iterable[str]] = ...) -> None: ...

class SessionResponse(_message.Message):
    __slots__ = ("success", "session_id", "message", "server_config", "protocol_version", "resume_token", "durable_seq", "server_epoch", "server_time_ms", "run_id", "retryable", "page_url")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_CONFIG_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQ_FIELD_NUMBER: _ClassVar[int]
    SERVER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    PAGE_URL_FIELD_NUMBER: _ClassVar[int]
    success: bool
    session_id: str
    message: str
    server_config: ServerConfig
    protocol_version: int
    resume_token: str
    durable_seq: int
    server_epoch: str
    server_time_ms: int
    run_id: str
    retryable: bool
    page_url: str
    def __init__(self, success: bool = ..., session_id: _Optional[str] = ..., message: _Optional[str] = ..., server_config: _Optional[_Union[ServerConfig, _Mapping]] = ..., protocol_version: _Optional[int] = ..., resume_token: _Optional[str] = ..., durable_seq: _Optional[int] = ..., server_epoch: _Optional[str] = ..., server_time_ms: _Optional[int] = ..., run_id: _Optional[str] = ..., retryable: bool = ..., page_url: _Optional[str] = ...) -> None: ...

class ServerConfig(_message.Message):
    __slots__ = ("max_batch_size", "max_image_dimension", "heartbeat_interval_ms", "buffer_size", "max_message_bytes", "credit_bytes", "accepts_strips", "max_records", "max_elements", "max_record_bytes", "max_name_chars", "max_metrics", "max_step", "accepts_columns")
    MAX_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_DIMENSION_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    BUFFER_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_STRIPS_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDS_FIELD_NUMBER: _ClassVar[int]
    MAX_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_NAME_CHARS_FIELD_NUMBER: _ClassVar[int]
    MAX_METRICS_FIELD_NUMBER: _ClassVar[int]
    MAX_STEP_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    max_batch_size: int
    max_image_dimension: int
    heartbeat_interval_ms: int
    buffer_size: int
    max_message_bytes: int
    credit_bytes: int
    accepts_strips: bool
    max_records: int
    max_elements: int
    max_record_bytes: int
    max_name_chars: int
    max_metrics: int
    max_step: int
    accepts_columns: bool
    def __init__(self, max_batch_size: _Optional[int] = ..., max_image_dimension: _Optional[int] = ..., heartbeat_interval_ms: _Optional[int] = ..., buffer_size: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., accepts_strips: bool = ..., max_records: _Optional[int] = ..., max_elements: _Optional[int] = ..., max_record_bytes: _Optional[int] = ..., max_name_chars: _Optional[int] = ..., max_metrics: _Optional[int] = ..., max_step: _Optional[int] = ..., accepts_columns: bool = ...) -> None: ...
