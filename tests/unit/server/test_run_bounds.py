from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.budget import Pool
from livetrain.server.commands import CommandBook
from livetrain.server.registration import Registrar
from livetrain.server.registry import Registry
from livetrain.server.reports import join_reports
from livetrain.server.run_bounds import (
    cut,
    first_numbers,
    keep_config,
    keep_declarations,
    keep_report,
)
from tests.hostile.messages import extreme
from tests.unit.server.dialects.world import run as a_run
from tests.unit.server.parts import parts

_MIB = 1 << 20


def test_settings_do_not_grow_with_what_is_said_of_them() -> None:
    run = a_run()
    for turn in range(50):
        config = pb.TrainingConfig(
            model_name="m" * 500_000, class_names=["c" * 1000] * 5_000, batch_size=turn
        )
        run.apply_status(
            pb.StatusUpdate(status=pb.RUNNING, config=config, message="x" * 10**6), turn
        )
    assert run.config.ByteSize() < 300_000
    assert (run.config.batch_size, len(run.message)) == (49, 4096)
    assert len(run.config.class_names) > 1000
    assert run.known_bytes < _MIB


def test_what_a_trainer_declares_and_reports_is_bounded() -> None:
    controls = pb.SessionInfo()
    said = pb.ControlDeclaration(
        verb="v", parameters=[pb.ControlParameter(name="n", choices=["c" * 1000] * 10)]
    )
    keep_declarations(controls, [said] * 1000)
    assert 0 < controls.ByteSize() <= 64 * 1024
    report = pb.ClientReport(governor="g" * 10**6)
    for number in range(10_000):
        report.counters[f"{number:06}" if number < 5_000 else "n" * 300 + str(number)] = 1
    report.starts["other"].counters["a"] = 1
    kept = keep_report(report)
    assert len(kept.counters) == 128
    assert kept.ByteSize() < 16_000
    assert not kept.starts


def test_counts_of_starts_stay_numbers_of_the_wire() -> None:
    most = pb.ClientReport(counters={"sent": 2**64 - 1})
    joined = join_reports(pb.ClientReport(), "a", most, newest=True)
    for number in range(100):
        joined = join_reports(joined, f"b{number}", most, newest=True)
    assert joined.counters["sent"] == 2**64 - 1


@given(extreme(pb.TrainingConfig), st.integers(0, 40))
def test_the_first_numbers_of_a_config_are_read_from_its_first_bytes(
    config: pb.TrainingConfig, size: int
) -> None:
    whole = config.SerializeToString()
    numbers = pb.TrainingConfig.FromString(first_numbers(whole[:24]))
    assert (numbers.total_epochs, numbers.batches_per_epoch, numbers.batch_size) == (
        config.total_epochs,
        config.batches_per_epoch,
        config.batch_size,
    )
    pb.TrainingConfig.FromString(first_numbers(whole[:size]))
    kept = pb.TrainingConfig()
    keep_config(kept, config)
    assert kept.total_epochs == config.total_epochs
    assert cut("é" * 9, 9) == "é" * 9


def test_commands_are_kept_within_a_bound() -> None:
    book = CommandBook()
    for number in range(3_000):
        issued = pb.CommandIssued(
            command_id=str(number), verb="no_such", parameters={"p" * 900: "v" * 900}
        )
        book.apply(number, pb.TelemetryRequest(command_issued=issued))
        result = pb.CommandResult(command_id=str(number), state=pb.REJECTED, message="no")
        book.apply(number, pb.TelemetryRequest(command_result=result))
    assert 0 < book.bytes <= _MIB
    assert book.newest(1)[0].command_id == "2999"
    assert len(book.newest(10_000)) < 600
    assert book.full is None
    for number in range(300):  # these wait for an answer
        issued = pb.CommandIssued(command_id=f"open {number}", parameters={"p": "v" * 9_000})
        if book.full is None:
            book.apply(number, pb.TelemetryRequest(command_issued=issued))
    assert book.full is not None
    assert book.bytes <= _MIB


def test_runs_with_little_to_say_have_room_beside_those_with_much(tmp_path: Path) -> None:
    async def main() -> None:
        async with parts(tmp_path) as made:
            intake = made.intake
            pool = Pool("runs", 4 * _MIB)
            registry = Registry(intake.registry.reader, intake.limits, pool)
            intake.registry = registry
            registrar = Registrar(intake, "http://here")
            large = '{"a": "' + "x" * 200_000 + '"}'

            async def register(session: str, text: str) -> pb.SessionResponse:
                info = pb.SessionInfo(session_id=session, stream_id="s", protocol_version=1)
                info.config.config_json = text
                return await registrar.register(info)

            for number in range(40):
                assert (await register(f"large {number}", large)).success
            assert pool.used < pool.limit
            kept = [run for run in registry.runs if "left_out" not in run.config.config_json]
            assert 2 < len(kept) < 10
            little = await register("little", '{"lr": 1}')
            assert little.success
            run = registry.get(little.run_id)
            assert run is not None
            assert run.config.config_json == '{"lr": 1}'
            for number in range(600):
                answer = await register(f"many {number}", "")
                if not answer.success:
                    break
            assert (answer.success, answer.retryable) == (False, True)
            assert "come again" in answer.message
            assert pool.used <= pool.limit
            assert (await register("little", '{"lr": 2}')).message  # it is here already
            for one in registry.runs:
                registry.forget(one)
            assert pool.used == 0
            registry.close()

    asyncio.run(main())


def test_settings_are_written_when_they_change_and_not_with_each_commit() -> None:
    run = a_run()
    run.set_config(pb.TrainingConfig(total_epochs=3))
    assert "config" in run.row()
    assert "config" not in run.row()
    run.apply_status(pb.StatusUpdate(status=pb.RUNNING), 1)
    assert "config" not in run.row()
    run.apply_status(pb.StatusUpdate(config=pb.TrainingConfig(total_epochs=4)), 2)
    row = run.row()
    assert pb.TrainingConfig.FromString(row["config"]).total_epochs == 4
