"""Leap: an initialisation from which tasks have a short way to go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.checks.options import check_choice, check_count, check_share
from metazoo.data.episode import Episode
from metazoo.losses import (
    class_mask_of,
    mask_logits,
    masked_cross_entropy,
)
from metazoo.methods.leap.leap_batches import batch_rows
from metazoo.methods.leap.leap_network import fan_in_uniform, uniform_of
from metazoo.methods.leap.leap_path import PathRule, Walk, sgd, walk
from metazoo.methods.leap.leap_wire import LeapWire
from metazoo.wire.setting import MAX_STEPS

DISTANCES = ("length", "energy")


@keras.saving.register_keras_serializable(package="metazoo")
class Leap(LeapWire):
    """Leap (Flennerhag, Moreno, Lawrence and Damianou 2019).

    Shared: the initial weights. Adapted: all weights, by many mini-batch
    steps of gradient descent. The outer update pulls the initial weights
    along the tasks' paths of (weights, loss), whose expected length or
    energy it makes smaller (algorithm 1): first order, and memory does not
    grow with the number of steps.

    Every task starts with the backbone's stored moving statistics, gathers
    its own on the way, and predicts with those.

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes; see `InnerLoopLearner`.
        head: "columns" meta-learns the head, as in the paper's Omniglot
            experiment; "zero" meta-learns the backbone alone and starts each
            task with a head of zeros, which is no part of the path. Also
            "shared" and "none"; see `InnerLoopLearner`.
        inner_steps: mini-batch steps in training (K in the paper).
        inner_batch_size: examples of a mini-batch.
        inner_learning_rate: step size.
        predict_steps: steps of `adapt`; by default `inner_steps`.
        distance: "length" or "energy" of the path.
        loss_in_path: the path spans weights and loss; False, weights alone.
        stabilizer: count a rise of the loss as a fall (section 2.3).
        include_last: the last step counts too; False as in the released
            code, where K losses close K - 1 segments.
        floor: leave out segments shorter than this share of the longest.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Reference:
        Flennerhag, Moreno, Lawrence, Damianou: Transferring Knowledge across
        Learning Processes, ICLR 2019, https://arxiv.org/abs/1812.01054
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        inner_steps: int = 100,
        inner_batch_size: int = 20,
        inner_learning_rate: float = 0.1,
        predict_steps: int | None = None,
        distance: str = "length",
        loss_in_path: bool = True,
        stabilizer: bool = True,
        include_last: bool = False,
        floor: float = 0.0,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_count("inner_batch_size", inner_batch_size)
        check_choice("distance", distance, DISTANCES)
        check_share("floor", floor)
        super().__init__(
            backbone,
            num_ways,
            head,
            inner_steps,
            inner_learning_rate,
            predict_steps,
            # The state carries statistics: those gathered along the path.
            normalization="support",
            value_range=value_range,
            name=name,
            **kwargs,
        )
        self.inner_batch_size = inner_batch_size
        self.distance = distance
        self.loss_in_path = loss_in_path
        self.stabilizer = stabilizer
        self.include_last = include_last
        self.floor = floor

    @property
    def rule(self) -> PathRule:
        """Which distance training makes smaller."""
        return PathRule(
            length=self.distance == "length",
            loss=self.loss_in_path,
            stabilizer=self.stabilizer,
            include_last=self.include_last,
            floor=self.floor,
        )

    def follow_path(
        self, initial: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Pull of the path on its start; see `PathLearner`."""
        end = self.walk_task(initial, task, class_mask, rule=self.rule)
        found = self.with_head(end.total, initial)
        return [*end.weights, *self.gathered(end)], found

    def with_head(
        self, found: list[tf.Tensor], initial: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Adds nothing for a head that is not meta-learned.

        Args:
            found: one tensor per `fast_variables`.
            initial: what `initial_weights` gave.
        """
        return [*found, *(tf.zeros_like(w) for w in initial[len(found) :])]

    def score_queries(
        self, adapted: list[tf.Tensor], task: Episode, class_mask: tf.Tensor
    ) -> tf.Tensor:
        """With the statistics at the path's end; see `PathLearner`."""
        count = len(adapted) - len(self._slots())
        weights, moments = adapted[:count], adapted[count:]
        return self.task_logits(weights, task.query_x, class_mask, moments)

    def walk_task(
        self,
        initial: list[tf.Tensor],
        task: Episode,
        class_mask: tf.Tensor,
        steps: Any = None,
        rate: Any = None,
        seed: tf.Tensor | None = None,
        spread: bool = False,
        **options: Any,
    ) -> Walk:
        """Takes the steps of one task.

        Args:
            initial: what `initial_weights` gave.
            task: without a tasks axis.
            class_mask: float32 [ways].
            steps: how many; None for those of training.
            rate: their size; None for `inner_learning_rate`.
            seed: int32 [2] to shuffle by; None for the order given.
            spread: see `batch_rows`.
            **options: of `walk`.

        Returns:
            The end of the path; its buffers are moving statistics.
        """
        _, others = functional.weights_of(self.backbone)
        return walk(
            self.batch_loss(task, class_mask, seed, spread),
            initial,
            [others[index] for index, _ in self._slots()],
            self.inner_steps if steps is None else steps,
            sgd(self.inner_learning_rate if rate is None else rate),
            num_shared=len(self.fast_variables),
            **options,
        )

    def gathered(self, end: Walk) -> list[tf.Tensor]:
        """Moving statistics without what is left of those at the start.

        After 100 steps nothing is; after 30 steps 4 % of a variance of 1
        would still outweigh small ones.

        Args:
            end: of a task's path.

        Returns:
            One tensor for each moving mean and variance; those of the
            start where no step was taken.
        """
        _, others = functional.weights_of(self.backbone)
        found = []
        for (index, momentum), value in zip(
            self._slots(), end.buffers, strict=True
        ):
            left = tf.pow(
                tf.constant(momentum, value.dtype),
                tf.cast(end.step, value.dtype),
            )
            own = (value - left * others[index]) / (1.0 - left)
            found.append(tf.where(end.step > 0, own, value))
        return found

    def batch_loss(
        self,
        task: Episode,
        class_mask: tf.Tensor,
        seed: Any = None,
        spread: bool = False,
    ) -> Any:
        """Makes the loss of a task's mini-batches, in training mode.

        Args:
            task: without a tasks axis.
            class_mask: float32 [ways].
            seed: int32 [2] to shuffle by; None for the order given.
            spread: see `batch_rows`.

        Returns:
            From weights, moving statistics and the step's number to a mean
            over the mini-batch and the statistics after it.
        """
        rows_of = batch_rows(
            task.support_mask, self.inner_batch_size, seed, spread
        )
        _, others = functional.weights_of(self.backbone)
        slots = [index for index, _ in self._slots()]

        def loss(
            weights: list[tf.Tensor], moments: list[tf.Tensor], step: tf.Tensor
        ) -> tuple[tf.Tensor, list[tf.Tensor]]:
            rows = rows_of(step)
            x, y = (
                tf.gather(task.support_x, rows),
                tf.gather(task.support_y, rows),
            )
            values = list(others)
            for index, moment in zip(slots, moments, strict=True):
                values[index] = moment
            outputs, values = functional.call(
                self.backbone, self._backbone_weights(weights), values, x
            )
            logits = tf.cast(outputs, self.logits_dtype)
            if self.head != "none":
                logits = tf.matmul(logits, weights[-2]) + weights[-1]
            logits = mask_logits(logits, class_mask)
            real = tf.ones_like(y, tf.bool)
            moments = [values[index] for index in slots]
            return masked_cross_entropy(y, logits, real), moments

        return loss

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Adapts to every task; see `EpisodicLearner.adapt_state`."""
        found = self.path_state(support_x, support_y, support_mask, num_ways)
        return {name: found[name] for name in self.state_spec()}

    def path_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        steps: tf.Tensor | None = None,
        rates: tf.Tensor | None = None,
        seeds: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Adapts to every task; see `LeapWire.path_state`."""
        class_mask = class_mask_of(support_y, support_mask, num_ways)
        initial = self.initial_weights(num_ways)
        default = self.steps_of_adapt
        most = default if steps is None else tf.reduce_max(steps)
        parts = {
            "x": support_x,
            "y": support_y,
            "mask": support_mask,
            "classes": class_mask,
            "steps": steps,
            "rate": rates,
            "seed": seeds,
        }

        def one(task: Mapping[str, tf.Tensor]) -> Any:
            end = self.walk_task(
                initial,
                _support_only(task),
                task["classes"],
                task.get("steps", default),
                task.get("rate"),
                task.get("seed"),
                # Who names no steps may send classes one after another.
                spread=steps is None,
                max_steps=default if steps is None else MAX_STEPS,
                curve_size=most,
            )
            length = tf.cast(end.length, tf.float32)
            values = [*end.weights, *self.gathered(end)]
            return values, end.curve, length

        spec = self.state_spec()
        names = [*self._weight_names(), *self._moment_names()]
        values, curves, lengths = tf.map_fn(
            one,
            {name: part for name, part in parts.items() if part is not None},
            fn_output_signature=(
                [
                    tf.TensorSpec(spec[name].shape[1:], spec[name].dtype)
                    for name in names
                ],
                tf.TensorSpec([None]),
                tf.TensorSpec([]),
            ),
        )
        return {
            **dict(zip(names, values, strict=True)),
            "class_mask": class_mask,
            "loss_curve": curves,
            "path_length": lengths,
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        for name in ("adapt_backbone", "normalization"):
            config.pop(name)
        return {
            **config,
            "inner_batch_size": self.inner_batch_size,
            "distance": self.distance,
            "loss_in_path": self.loss_in_path,
            "stabilizer": self.stabilizer,
            "include_last": self.include_last,
            "floor": self.floor,
        }

    def _head_initializers(self) -> tuple[Any, Any]:
        if self.head != "columns":
            return super()._head_initializers()
        return fan_in_uniform(), uniform_of(self._num_features)


def _support_only(task: Mapping[str, tf.Tensor]) -> Episode:
    return Episode(task["x"], task["y"], None, None, task["mask"], None)
