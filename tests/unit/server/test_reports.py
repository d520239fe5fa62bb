from __future__ import annotations

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.reports import join_reports, told_report


def report(count: int, governor: str = "") -> pb.ClientReport:
    return pb.ClientReport(counters={"dropped.oversize": count}, governor=governor)


def test_what_an_earlier_start_left_out_stays_left_out() -> None:
    run = join_reports(pb.ClientReport(), "a", report(2), newest=True)
    run = join_reports(run, "b", report(1, "waits"), newest=True)
    assert dict(run.counters) == {"dropped.oversize": 3}
    # Each start's counts go on from report to report, and the earlier one's may come late.
    run = join_reports(run, "b", report(4, "waits"), newest=True)
    run = join_reports(run, "a", report(3, "old"), newest=False)
    assert (dict(run.counters), run.governor) == ({"dropped.oversize": 7}, "waits")
    told = told_report(run)
    assert (dict(told.counters), len(told.starts)) == ({"dropped.oversize": 7}, 0)


def test_a_training_that_is_started_very_often_keeps_a_bounded_report() -> None:
    run = pb.ClientReport()
    for start in range(200):
        run = join_reports(run, f"start {start}", report(1), newest=True)
    assert dict(run.counters) == {"dropped.oversize": 200}
    assert len(run.starts) <= 65


def test_a_trainer_cannot_say_what_others_counted() -> None:
    mine = report(1)
    mine.starts["other"].counters["dropped.oversize"] = 100
    run = join_reports(pb.ClientReport(), "a", mine, newest=True)
    assert dict(run.counters) == {"dropped.oversize": 1}
