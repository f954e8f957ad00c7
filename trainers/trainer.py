"""The meta-training loop: one compiled step, any strategy, resumable."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import keras
import tensorflow as tf

from metazoo.errors import CheckpointError, TrainingError
from metazoo.trainers.checkpoint import (
    Checkpoint,
    CheckpointFolder,
    check_identity,
)
from metazoo.trainers.identity import run_identity
from metazoo.trainers.plan import Plan, require_positive
from metazoo.trainers.progress import TaskRate
from metazoo.trainers.sources import EpisodeSource
from metazoo.trainers.state import (
    build_training_state,
    restore_training_state,
    training_state,
)
from metazoo.trainers.steps import StepRunner
from metazoo.trainers.strategies import is_chief, make_strategy, strategy_of


class Trainer:
    """Trains a compiled learner on episodes.

    The tasks of a step are split evenly over the replicas of the strategy;
    the update is that of the mean over all tasks. Checkpoints hold weights,
    optimizer, metrics, seed states and the step, so that a run that was
    killed goes on as if nothing had happened; see `deterministic` for
    bit-identical results. Callbacks keep state of their own, which is not
    in the checkpoints.

    Attributes:
        learner: the learner.
        strategy: where its steps run.
        step: number of steps done.

    Example:

    ```python
    trainer = metazoo.trainers.Trainer(learner, checkpoint_dir="run")
    trainer.fit(sampler, num_tasks=8, steps=1000)
    ```
    """

    def __init__(
        self,
        learner: keras.Model | Callable[[], keras.Model],
        *,
        strategy: str | tf.distribute.Strategy | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 100,
        keep: int = 2,
        jit_compile: bool | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks that learner and strategy belong together.

        Args:
            learner: a compiled learner, or a function without arguments
                that builds and compiles one; it is called in the scope of
                the strategy.
            strategy: a `tf.distribute.Strategy`, or "default", "mirrored",
                "multi_worker" or "tpu"; None for the one the learner was
                built under.
            checkpoint_dir: folder of the checkpoints, or None for none. With
                several workers, a folder all of them see.
            checkpoint_every: steps between checkpoints.
            keep: how many checkpoints to keep.
            jit_compile: compile the step with XLA; None for what the
                learner was compiled with.
            identity: more values, in JSON types, that a resumed run must
                have in common with the first.

        Raises:
            TrainingError: the learner was built under another strategy, or
                a number is out of range.
        """
        require_positive("checkpoint_every", checkpoint_every)
        if isinstance(learner, keras.Model):
            self.learner = learner
            self.strategy = strategy_of(learner, strategy)
        else:
            self.strategy = _as_strategy(strategy)
            with self.strategy.scope():
                self.learner = learner()
            strategy_of(self.learner, self.strategy)
        self.step = 0
        self.checkpoint_every = checkpoint_every
        self._folder = (
            None
            if checkpoint_dir is None
            else CheckpointFolder(checkpoint_dir, keep)
        )
        self._identity = dict(identity or {})
        self._jit_compile = jit_compile

    def fit(
        self,
        source: Any,
        *,
        num_tasks: int,
        steps: int,
        steps_per_epoch: int | None = None,
        validation: Any = None,
        validation_every: int | None = None,
        validation_steps: int = 20,
        validation_tasks: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: str | int = "auto",
        resume: bool = True,
    ) -> keras.callbacks.History:
        """Trains up to a number of steps, from the last checkpoint if any.

        Args:
            source: an `EpisodeSampler` (step s takes the tasks s * num_tasks
                onwards; a resumed run goes straight there), or a
                `tf.data.Dataset` of episodes, or a function that returns
                one or an iterable of `Episode`s (a resumed run reads and
                drops what was used before).
            num_tasks: tasks of a step, over all replicas.
            steps: steps of the whole run, those before a resume included.
            steps_per_epoch: length of what callbacks take for an epoch; by
                default `validation_every`, or 100.
            validation: like `source`; every validation sees its first
                episodes.
            validation_every: steps between validations, a multiple of
                `steps_per_epoch`; by default every epoch.
            validation_steps: steps of a validation.
            validation_tasks: tasks of a validation step; by default
                `num_tasks`.
            callbacks: Keras callbacks.
            verbose: as in Keras, but `auto` is a progress bar on a terminal
                only, and a line an epoch elsewhere.
            resume: False refuses a folder that holds checkpoints.

        Returns:
            Keras's history of the epochs of this call.

        Raises:
            TrainingError: an argument does not fit, or `source` ended early.
            CheckpointError: the checkpoint is of another run.
        """
        plan = Plan.make(
            source=source,
            num_tasks=num_tasks,
            steps=steps,
            steps_per_epoch=steps_per_epoch,
            validation=validation,
            validation_every=validation_every,
            validation_steps=validation_steps,
            validation_tasks=validation_tasks,
        )
        build_training_state(self.learner, self.strategy)
        identity = run_identity(self.learner, plan, self._identity)
        self._restore(identity, plan, resume)
        hooks = self._callback_list(callbacks, verbose, plan)
        self.learner.stop_training = False
        self.learner._initial_epoch = None
        hooks.on_train_begin()
        self._follow_backup(plan)
        logs = self._run(plan, hooks, identity)
        self.learner.optimizer.finalize_variable_values(
            self.learner.trainable_variables
        )
        hooks.on_train_end(logs)
        return self.learner.history

    def evaluate(
        self, source: Any, *, num_tasks: int, steps: int
    ) -> dict[str, float]:
        """Scores the learner on the first episodes of a source.

        Args:
            source: as for `fit`.
            num_tasks: tasks of a step, over all replicas.
            steps: number of steps.

        Returns:
            Metric name to value.

        Raises:
            TrainingError: an argument does not fit, or `source` ended early.
        """
        plan = Plan.make(source=source, num_tasks=num_tasks, steps=steps)
        build_training_state(self.learner, self.strategy)
        hooks = keras.callbacks.CallbackList(model=None)
        return self._runner().evaluate(plan.source, num_tasks, steps, hooks)

    def _run(
        self,
        plan: Plan,
        hooks: keras.callbacks.CallbackList,
        identity: dict[str, Any],
    ) -> dict[str, float]:
        runner = self._runner()
        left = plan.steps - self.step
        episodes = runner.episodes(plan.source, plan.num_tasks, self.step, left)
        iterator = iter(episodes)
        logs: dict[str, float] = {}
        while self.step < plan.steps and not self.learner.stop_training:
            epoch = self.step // plan.epoch
            if self.step % plan.epoch == 0:
                self.learner.reset_metrics()
            hooks.on_epoch_begin(epoch)
            logs = self._run_epoch(runner, iterator, plan, hooks, identity)
            if plan.validates_after(self.step, self.learner.stop_training):
                logs |= self._validate(runner, plan, hooks)
            hooks.on_epoch_end(epoch, logs)
            done = self.step == plan.steps or self.learner.stop_training
            self._save(identity, force=done)
        return logs

    def _run_epoch(
        self,
        runner: StepRunner,
        iterator: Any,
        plan: Plan,
        hooks: keras.callbacks.CallbackList,
        identity: dict[str, Any],
    ) -> dict[str, float]:
        """Runs the steps of an epoch that are still to do."""
        end = plan.end_of_epoch(self.step)
        rate = TaskRate(plan.num_tasks)
        logs: dict[str, float] = {}
        while self.step < end and not self.learner.stop_training:
            batch = self.step % plan.epoch
            hooks.on_train_batch_begin(batch)
            logs = runner.train(iterator)
            self.step += 1
            logs["tasks_per_second"] = rate.after_step()
            hooks.on_train_batch_end(batch, logs)
            # That of an epoch's last step waits for what callbacks do then.
            if self.step < end and not self.learner.stop_training:
                self._save(identity)
        return logs

    def _validate(
        self,
        runner: StepRunner,
        plan: Plan,
        hooks: keras.callbacks.CallbackList,
    ) -> dict[str, float]:
        logs = runner.evaluate(
            cast(EpisodeSource, plan.validation),
            plan.validation_tasks,
            plan.validation_steps,
            hooks,
        )
        return {f"val_{name}": value for name, value in logs.items()}

    def _runner(self) -> StepRunner:
        jit = self._jit_compile
        if jit is None:
            jit = self.learner.jit_compile
        return StepRunner(self.learner, self.strategy, bool(jit))

    def _callback_list(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        verbose: str | int,
        plan: Plan,
    ) -> keras.callbacks.CallbackList:
        chief = is_chief(self.strategy)
        return keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            add_progbar=chief and verbose != 0,
            model=self.learner,
            verbose=_verbosity(verbose),
            epochs=plan.num_epochs,
            steps=min(plan.epoch, plan.steps),
            initial_epoch=plan.first_epoch(self.step),
        )

    def _follow_backup(self, plan: Plan) -> None:
        """Goes on where a `BackupAndRestore` callback restored to."""
        epoch = self.learner._initial_epoch
        if epoch is None:
            return
        if self.step:
            raise TrainingError(
                "Both checkpoint_dir and a BackupAndRestore callback hold a "
                "state to go on from; use one of the two."
            )
        self.step = epoch * plan.epoch

    def _restore(
        self, identity: dict[str, Any], plan: Plan, resume: bool
    ) -> None:
        self.step = 0
        if self._folder is None:
            return
        checkpoint = self._folder.latest()
        if checkpoint is None:
            return
        if not resume:
            raise TrainingError(
                f"{self._folder.directory} holds checkpoints; train in "
                "another folder, remove it, or pass resume=True."
            )
        check_identity(checkpoint.identity, identity, checkpoint.path)
        if checkpoint.step > plan.steps:
            raise CheckpointError(
                f"steps is {plan.steps}, and {checkpoint.path} has done "
                f"{checkpoint.step} already."
            )
        restore_training_state(self.learner, checkpoint.arrays)
        self.step = checkpoint.step

    def _save(self, identity: dict[str, Any], force: bool = False) -> None:
        due = force or self.step % self.checkpoint_every == 0
        if self._folder is None or not due:
            return
        # Every worker reads: values on several workers are reduced.
        arrays = training_state(self.learner)
        if is_chief(self.strategy):
            self._folder.write(Checkpoint(self.step, identity, arrays))


def _as_strategy(
    strategy: str | tf.distribute.Strategy | None,
) -> tf.distribute.Strategy:
    if strategy is None:
        return tf.distribute.get_strategy()
    return make_strategy(strategy) if isinstance(strategy, str) else strategy


def _verbosity(verbose: str | int) -> str | int:
    """A progress bar rewrites its line, which fills a log file."""
    if verbose == "auto" and not sys.stdout.isatty():
        return 2
    return verbose
