"""MAML: an initialisation from which a few gradient steps suffice."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.learners.unrolled import UnrolledLearner


@keras.saving.register_keras_serializable(package="metazoo")
class MAML(UnrolledLearner):
    """Model-agnostic meta-learning (Finn, Abbeel and Levine 2017).

    Shared: the initial weights. Adapted: all weights (or the head), by
    gradient descent on the support loss (algorithm 2, line 6). The outer
    gradient of the query loss (line 10) goes through the inner steps;
    `first_order=True` drops the second derivatives (section 5.2).

    Args:
        backbone: Keras model from one example to features or logits.
        num_ways: fixed number of classes; see `InnerLoopLearner`.
        head: "columns", "shared" or "none"; see `InnerLoopLearner`.
        inner_steps: gradient steps in training.
        inner_learning_rate: step size (alpha in the paper).
        predict_steps: gradient steps of `adapt`; by default `inner_steps`.
        first_order: leave out second derivatives.
        normalization: "transductive", "support" or "moving"; see
            `InnerLoopLearner`.
        adapt_backbone: False adapts the head alone (ANIL).
        **kwargs: `value_range` and `name`, as for `InnerLoopLearner`.

    Raises:
        SecondOrderError: second order, and the backbone holds a layer whose
            second derivative is wrong.

    Example:

    ```python
    backbone = metazoo.layers.conv4((28, 28, 1), downsampling="stride")
    learner = metazoo.MAML(backbone, num_ways=5, inner_learning_rate=0.4)
    learner.compile(optimizer="adam")
    learner.fit(sampler.keras_dataset(num_tasks=8, steps=100))
    ```

    Reference:
        Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast
        Adaptation of Deep Networks, ICML 2017,
        https://arxiv.org/abs/1703.03400
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        head: str = "columns",
        inner_steps: int = 1,
        inner_learning_rate: float = 0.4,
        predict_steps: int | None = None,
        first_order: bool = False,
        normalization: str = "transductive",
        adapt_backbone: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            backbone,
            num_ways,
            head,
            first_order,
            inner_steps=inner_steps,
            inner_learning_rate=inner_learning_rate,
            predict_steps=predict_steps,
            normalization=normalization,
            adapt_backbone=adapt_backbone,
            **kwargs,
        )
