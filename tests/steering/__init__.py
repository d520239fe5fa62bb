"""Whether a training does what a command was answered to have done: real values of real optimizers against a model.

Each row of the table is a `Case`: a framework, a scheduler, commands, an event (a validation, accumulated gradients) and a
number of ranks. Its training is made twice: once undisturbed, which gives the schedule, and once with the commands. What every step
was really made with is read from how far it moved the weight, on every rank, and compared with what the answers say (`model.py`).
A row is *right*, or *refused* with a sentence, or wrong, and then its test fails. Where a rank is killed, each is held to what it
said of itself as long as it was there.

To add rows:

* another scheduler: a line in ``SCHEDULERS`` of ``trainings/schedulers.py``;
* another command, event or combination: a line in ``table.py``. ``often=True`` puts it into the slice of every run; the others are
  made by ``nox -s steering``, which sets ``STEERING=full``;
* another event: its name in ``case.py``, and what it means in the trainings that have it. Where it changes the schedule itself, the
  undisturbed training has it as well, so that nothing is to be done in the model;
* another framework: a module in ``trainings/`` with ``train(case, make) -> Trace``, and its name in ``FRAMEWORKS`` of ``table.py``.
  Rows of a framework that is not installed are skipped. Those of PyTorch and Lightning run in nox's session ``tests``, fastai's in
  ``frameworks_vision``, the others in ``frameworks``.

A training gets its monitor from `make`, a factory that it calls with the arguments of `livetrain.Monitor`. What it has to do by
itself: note the weight after every step of the optimizer by `Trace.moved`, with a gradient of 1 (`trainings/torch_loop.py` shows
how), and call ``monitor.between_epochs(epoch)`` where a validation would be.
"""
