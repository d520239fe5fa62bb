"""One federated training: its rounds and clients, as the monitor is told of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from livetrain._frameworks.guard import harmless
from livetrain._frameworks.settings import Settings
from livetrain.config import from_environment

__all__ = ["Rounds"]


class Rounds:
    """Tells a monitor what goes to the clients and what comes from them.

    Args:
        settings: the user's.
        strategy: the user's.
        total: how many rounds there will be.

    Raises:
        ConfigurationError: an option of the monitor cannot work.
    """

    def __init__(self, settings: Settings, strategy: Any, total: int) -> None:
        name = type(strategy).__name__
        own = {n: v for n, v in vars(strategy).items() if isinstance(v, (int, float, str))}
        self.monitor = settings.open(
            {
                "run": from_environment(os.environ).run or name,
                "config": {"strategy": name, "rounds": total, **own},
                "total_epochs": total if total > 0 else None,
                "batches_per_epoch": 1,
            }
        )
        self._total = total
        self._round = 0
        self._phase = "train"
        self._told: set[tuple[int, str, str]] = (
            set()
        )  # round, phase and client: of this round alone
        self._began = time.monotonic()
        self._fit: dict[str, Any] = {}
        self._counts: dict[str, float] = {}
        self._evaluation: dict[str, Any] = {}
        self._central = False

    @harmless
    def asked(self, phase: str, number: int, messages: Iterable[Any]) -> None:
        """Clients are asked to train or to evaluate."""
        self._phase = phase
        if phase == "train":
            self._begin(number)
            for message in messages:
                client = str(message.metadata.dst_node_id)
                self.monitor.log_round(number, self._total, {}, client=client, phase="start")

    @harmless
    def answered(self, messages: Iterable[Any]) -> None:
        """Answers came, some of the round's."""
        for message in messages:
            client = str(message.metadata.src_node_id)
            if (self._round, self._phase, client) in self._told:
                continue
            self._told.add((self._round, self._phase, client))
            if message.has_error():
                error = message.error
                fields = {"client": client, "round": self._round, "code": error.code}
                self.monitor.log_event("client_failed", error.reason or "no reason given", fields)
                continue
            numbers = _numbers(message.content.metric_records)
            part = "fit" if self._phase == "train" else "eval"
            self.monitor.log_round(
                self._round, self._total, {}, client=client, phase="progress", **{part: numbers}
            )

    @harmless
    def trained(self, number: int, replies: list[Any], result: Any) -> None:
        """The strategy put the trainings of a round together."""
        if number != self._round:
            self._begin(number)
        self.answered(replies)
        failures = sum(reply.has_error() for reply in replies)
        if replies:
            self._counts = {"clients": len(replies) - failures, "failures": failures}
        self._fit = _numbers({"": result[1]}) if result and result[1] is not None else {}

    @harmless
    def evaluated(self, number: int, replies: list[Any], result: Any) -> None:
        """The strategy put the evaluations of a round together."""
        self.answered(replies)
        self._evaluation = _numbers({"": result}) if result is not None else {}
        if not self._central:
            self._end({})

    def evaluating(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """Return the user's own evaluation of a round, whose result ends it; nothing is evaluated once the training was stopped."""
        self._central = True

        def watched(number: int, arrays: Any) -> Any:
            if number and self.monitor.should_stop and not self._counts:
                return None
            result = evaluate(number, arrays)
            self._central_result(number, result)
            return result

        return watched

    @harmless
    def _central_result(self, number: int, result: Any) -> None:
        if number == 0:
            self._begin(0)
        self._end(_numbers({"": result}) if result is not None else {})

    @harmless
    def finish(self, error: BaseException | None) -> None:
        """End the run."""
        self.monitor.close_after(error)

    def _begin(self, number: int) -> None:
        self._round, self._began = number, time.monotonic()
        self._told.clear()
        self._fit, self._evaluation, self._counts = {}, {}, {}

    def _end(self, metrics: Mapping[str, Any]) -> None:
        if self._round and not self._counts:
            return  # a round that was left empty, since somebody stopped the training
        self.monitor.log_round(
            self._round, self._total, metrics, fit=self._fit, eval=self._evaluation
        )
        numbers = {**self._counts, "seconds/round": time.monotonic() - self._began}
        self._counts = {}
        if self._round:
            # Between two rounds is where orders are carried out.
            self.monitor.log(numbers, step=self._round)


def _numbers(records: Mapping[str, Any]) -> dict[str, Any]:
    """Return what metric records hold by name; of several records those under the same name are told apart."""
    several = len(records) > 1
    return {
        f"{name}/{key}" if several else key: value
        for name, record in records.items()
        for key, value in record.items()
    }
