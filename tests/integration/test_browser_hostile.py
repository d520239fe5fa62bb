"""Names and numbers of any kind on the page: nothing runs, nothing scrolls sideways, and no part of it gives up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.faults.processes import Server
from tests.integration.server.trainer import Trainer

from livetrain.proto import telemetry_pb2 as pb

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE_MS = 30_000
NAMES = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "a|b",
    "log p(y|x)",
    "<img src=x onerror=alert(1)>",
    "\u202eright to left",
    "名前 🙂",
    "x" * 250,
    "a/b/c/d/e",
    " ",
)
ODD_NUMBERS = (float("nan"), float("inf"), float("-inf"), 1.7e308, -1.7e308, 5e-324, 0.0, -0.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


def controls() -> list[pb.ControlDeclaration]:
    parameters = [pb.ControlParameter(name=name, kind="constructor") for name in NAMES[:5]]
    own = [
        pb.ControlDeclaration(verb=name, title=name, parameters=parameters)
        for name in ("constructor", "<b>do</b>")
    ]
    return [pb.ControlDeclaration(verb="set", parameters=parameters), *own]


def records() -> Iterator[pb.TelemetryRequest]:
    """Yield one of every kind that the page reads, as odd as the server takes them."""
    config = pb.TrainingConfig(
        total_epochs=2**31, batches_per_epoch=2**31, model_name=NAMES[6], class_names=NAMES
    )
    yield pb.TelemetryRequest(status_update=pb.StatusUpdate(status=pb.RUNNING, config=config))
    for step, number in enumerate(ODD_NUMBERS):
        values = [pb.Scalar(name=name, value=number) for name in NAMES]
        yield pb.TelemetryRequest(scalars=pb.Scalars(step=step, values=values))
        yield pb.TelemetryRequest(
            epoch_data=pb.EpochData(
                epoch=step,
                step=step,
                has_loss=True,
                exact_loss=number,
                exact_validation_accuracy=number,
                validation_metrics=values,
            )
        )
        yield pb.TelemetryRequest(
            round=pb.Round(
                round=step, total_rounds=3, client_id=NAMES[step], phase="end", metrics=values
            )
        )
    for name in NAMES:
        fields = {NAMES[0]: "1", "constructor": "2", name: "3"}
        yield pb.TelemetryRequest(event=pb.Event(kind=name, message="", fields=fields))
        yield pb.TelemetryRequest(log=pb.Log(source=name, message=f"{name}\n" * 3))
    performance = pb.PerformanceData(
        current_fps=float("inf"), time_per_batch_ms=float("nan"), overhead_percent=float("nan")
    )
    yield pb.TelemetryRequest(performance_data=performance)
    report = pb.ClientReport(counters={f"dropped.{name}": 7 for name in NAMES})
    report.counters["stripped.constructor"] = 32
    yield pb.TelemetryRequest(client_report=report)
    failed = pb.StatusUpdate(
        status=pb.FAILED, message=NAMES[6] + "y" * 3000, traceback=NAMES[6] + "z" * 3000
    )
    yield pb.TelemetryRequest(status_update=failed)


@pytest.mark.parametrize("width", [390, 1280])
def test_odd_names_and_numbers_break_no_part_of_the_page(
    page: Page, server: Server, width: int
) -> None:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.set_viewport_size({"width": width, "height": 900})
    with Trainer(server.grpc) as trainer:
        answer = trainer.register(
            run_name=NAMES[6], project=NAMES[9], tags=NAMES[:9], controls=controls()
        )
        assert answer.success, answer.message
        trainer.open()
        seq = 0
        for seq, record in enumerate(records(), 1):
            record.seq = seq
            trainer.send(record)
        trainer.wait_durable(seq)
    page.goto(f"{server.http}/runs/{answer.run_id}")
    expect(page.get_by_test_id("status")).to_have_text("Failed", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("log").locator("li")).not_to_have_count(0, timeout=PATIENCE_MS)
    expect(page.get_by_test_id("rounds")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(1500)  # charts are drawn a moment later
    expect(page.get_by_test_id("broken")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    words = page.locator("body").inner_text()
    assert "[object" not in words
    assert "undefined" not in words
    page.get_by_test_id("banner-trainer").get_by_role("button", name="Details").click()
    expect(page.get_by_test_id("detail")).to_contain_text(NAMES[6])
    page.keyboard.press("Escape")
    page.get_by_role("link", name="livetrain, all runs").click()
    expect(page.get_by_test_id("run").first).to_contain_text(NAMES[6], timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert troubles == []
