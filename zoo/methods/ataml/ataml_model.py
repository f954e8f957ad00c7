"""ATAML: a shared text encoder, and attention that adapts to each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from metazoo import functional
from metazoo.contracts.episodic_serving import PREDICTIONS
from metazoo.data.episode import Episode
from metazoo.errors import MetazooError
from metazoo.layers.text_states import TextStates, text_states_of
from metazoo.losses import class_mask_of
from metazoo.methods.ataml.ataml_inner import (
    Head,
    LossFn,
    Support,
    Weights,
    classify,
    descend,
    mean_over_texts,
    over_tasks,
    step_seeds,
)
from metazoo.methods.ataml.ataml_options import Options
from metazoo.methods.ataml.ataml_steps import AdaptSteps

VECTOR, KERNEL, BIAS = "attention_vector", "head_kernel", "head_bias"


@keras.saving.register_keras_serializable(package="metazoo")
class ATAML(AdaptSteps):
    """Attentive task-agnostic meta-learning (Jiang et al. 2018).

    Shared and never changed by a task: the encoder, dilated causal
    convolutions over word vectors. Adapted, by gradient descent on the
    support loss (algorithm 1, line 5): an attention vector and a linear
    classifier. The outer gradient reaches the encoder by two ways, through
    the states of the queries and through the adapted parameters, which
    depend on the states of the support set.

    The paper's other variants are settings: `attention="mean"` is TAML,
    `adapts="all"` is MAML, a backbone without convolutions is E(A),
    `train_attention=False` is ATAML with its initial attention frozen, and
    `inner_steps=0` is joint training on labels that contradict each other.

    An example is a text; see `TextLearner`. Predictions carry `attention`
    [tasks, query, max_words]: the share of each word of a query.

    Args:
        backbone: `metazoo.layers.tcn(...)`, or another Keras model from word
            numbers to states that holds a `TextStates` layer.
        vocabulary: words that have a number; see `TextLearner`.
        max_words: words of a text that are read.
        num_ways: number of columns; needed for `head="columns"`.
        attention: "softmax", "linear" (no softmax), or "mean" for none.
        adapts: "task" for attention and classifier, "all" for the
            convolutions too (word vectors never adapt).
        head: "columns" meta-learns one column a class; "tiled" one column
            that every class starts from, for any number of ways.
        inner_steps: gradient steps in training.
        inner_learning_rate: step size (beta_T in the paper).
        predict_steps: gradient steps of `adapt`; by default `inner_steps`.
        first_order: cut the outer gradient's way through inner gradients.
        train_attention: False never updates the initial attention vector.
        name: name of the model.

    Example:

    ```python
    learner = metazoo.ATAML(
        metazoo.layers.tcn(len(vocabulary) + 2), vocabulary, num_ways=5
    )
    learner.compile(optimizer="adam")
    learner.fit(sampler.keras_dataset(num_tasks=4, steps=100))
    ```

    Reference:
        Jiang, Havaei, Chartrand, Chouaib, Vincent, Jesson, Chapados, Matwin:
        Attentive Task-Agnostic Meta-Learning for Few-Shot Text
        Classification, NeurIPS 2018 Workshop on Meta-Learning;
        https://arxiv.org/abs/1806.00852
    """

    adapts_by_gradient = True
    skips_bad_updates = True
    predictions: ClassVar[tuple[str, ...]] = (*PREDICTIONS, "attention")
    wire_docs = {
        "support_loss": "loss of the support set after the steps; float32 "
        "[tasks], NaN in a faulty task",
        "attention": "share of each word of a query, in its order, zeros "
        "after the last; [tasks, query, max_words]; NaN in a faulty task",
    }

    # The loss of the only class is 0 whatever the weights.
    least_classes = 2

    def __init__(
        self,
        backbone: keras.Model,
        vocabulary: Sequence[str] | str,
        max_words: int = 64,
        num_ways: int | None = None,
        attention: str = "softmax",
        adapts: str = "task",
        head: str = "columns",
        inner_steps: int = 5,
        inner_learning_rate: float = 0.1,
        predict_steps: int | None = None,
        first_order: bool = False,
        train_attention: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if predict_steps is None:
            predict_steps = inner_steps
        options = Options(
            attention=attention,
            adapts=adapts,
            head=head,
            inner_steps=inner_steps,
            inner_learning_rate=inner_learning_rate,
            predict_steps=predict_steps,
            first_order=first_order,
            train_attention=train_attention,
        ).check()
        if head == "columns" and num_ways is None:
            raise MetazooError("head='columns' needs num_ways; or use 'tiled'.")
        super().__init__(
            backbone, vocabulary, max_words, num_ways, name, **kwargs
        )
        self.keep_untracked("options", options)
        self._check_vocabulary()
        self._seeds = keras.random.SeedGenerator()
        self._make_head()
        self.build()

    @property
    def encoder(self) -> TextStates:
        """The layer of the backbone that makes the states."""
        return text_states_of(self.backbone)

    @property
    def second_order(self) -> bool:  # type: ignore[override]
        """Whether training differentiates through inner gradients."""
        return not self.options.first_order and self.options.inner_steps > 0

    def _check_vocabulary(self) -> None:
        if self.encoder.vocabulary_size != self.word_ids.size:
            raise MetazooError(
                f"backbone tells {self.encoder.vocabulary_size} word numbers "
                f"apart; the vocabulary needs {self.word_ids.size}, two more "
                "than its words."
            )

    def _make_head(self) -> None:
        size, options = self.encoder.size, self.options
        ways = 1 if options.head == "tiled" else self.num_ways
        if options.attention != "mean":
            # At 0 the context would be 0 without a softmax.
            mean = size**-0.5 if options.attention == "linear" else 0.0
            spread = 0.1 * mean or 0.05
            self.attention_vector = self.add_weight(
                shape=(size,),
                initializer=keras.initializers.RandomNormal(mean, spread),
                trainable=options.train_attention,
                name=VECTOR,
            )
        # A hundredth of Glorot's: columns that differ from the start lean
        # towards some labels, and zeros would give the attention no gradient
        # in the first step.
        self.head_kernel = self.add_weight(
            shape=(size, ways),
            initializer=keras.initializers.VarianceScaling(
                1e-4, "fan_avg", "uniform"
            ),
            name=KERNEL,
        )
        self.head_bias = self.add_weight(
            shape=(ways,), initializer="zeros", name=BIAS
        )

    @property
    def fast_names(self) -> tuple[str, ...]:
        """Names of what a task adapts, in the order of its weights."""
        head: tuple[str, ...] = (KERNEL, BIAS)
        if self.options.attention != "mean":
            head = (VECTOR, *head)
        if self.options.adapts == "task":
            return head
        count = len(self.encoder.convolutions)
        return (*(f"encoder_{i:02d}" for i in range(count)), *head)

    def initial_weights(self, num_tasks: Any, num_ways: Any) -> Weights:
        """What adaptation starts from, once for every task.

        Args:
            num_tasks: length of the tasks axis.
            num_ways: number of columns of the head.
        """
        kernel, bias = self.head_kernel.value, self.head_bias.value
        if self.options.head == "tiled":
            kernel = tf.tile(kernel, [1, num_ways])
            bias = tf.tile(bias, [num_ways])
        values = {KERNEL: kernel, BIAS: bias}
        if self.options.attention != "mean":
            values[VECTOR] = self.attention_vector.value
        for i, variable in enumerate(self.encoder.convolutions):
            values[f"encoder_{i:02d}"] = variable.value
        return [over_tasks(values[name], num_tasks) for name in self.fast_names]

    def scores(
        self,
        ids: tf.Tensor,
        weights: Weights,
        class_mask: tf.Tensor,
        seed: tf.Tensor | None = None,
        states: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits of texts, and where the attention of their task lies.

        Args:
            ids: int32 [tasks, texts, words].
            weights: one tensor for each of `fast_names`.
            class_mask: float [tasks, ways].
            seed: of dropout, or None for none.
            states: of the texts, where they are known.

        Returns:
            Logits [tasks, texts, ways] and shares [tasks, texts, words].
        """
        known = dict(zip(self.fast_names, weights, strict=True))
        if states is None:
            own = [v for n, v in known.items() if n.startswith("encoder_")]
            states = self.encoder.states(ids, own or None, seed)
        return classify(
            states,
            ids != 0,
            Head(known.get(VECTOR), known[KERNEL], known[BIAS]),
            class_mask,
            self.options.attention,
        )

    def inner_loss(self, support: Support) -> LossFn:
        """The support loss, summed over tasks, as a function of weights.

        Args:
            support: the support set.
        """
        losses = self.support_losses(support)
        return lambda weights: tf.reduce_sum(losses(weights))

    def support_losses(self, support: Support) -> LossFn:
        """The support loss of each task, as a function of weights.

        What no task adapts is computed here, once.

        Args:
            support: the support set.
        """
        states = None
        if self.options.adapts == "task":
            states = self.encoder.states(support.ids, None, support.seed)

        def losses(weights: Weights) -> tf.Tensor:
            logits, _ = self.scores(
                support.ids, weights, support.class_mask, support.seed, states
            )
            found = self.text_losses(support.targets, logits, support)
            return mean_over_texts(found, support.real)

        return losses

    def text_losses(
        self, targets: tf.Tensor, logits: tf.Tensor, support: Support
    ) -> tf.Tensor:
        """Loss of each text: cross entropy.

        Args:
            targets: float [tasks, texts, ways].
            logits: float [tasks, texts, ways].
            support: the support set they belong to.

        Returns:
            float [tasks, texts].
        """
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)

    def support_of(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        seed: tf.Tensor | None = None,
    ) -> Support:
        """Brings a support set to the form of the inner loop.

        Args:
            support_x: texts or word numbers.
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            num_ways: number of columns.
            seed: of dropout, or None for none.
        """
        dtype = self.variable_dtype
        mask = class_mask_of(support_y, support_mask, num_ways)
        return Support(
            self.numeric(support_x),
            tf.one_hot(support_y, num_ways, dtype=dtype),
            tf.cast(support_mask, dtype),
            tf.cast(mask, dtype),
            seed,
        )

    # The verbs of the contract.

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Gradient descent on the support loss; see `EpisodicLearner`."""
        found = self.stepped_state(
            support_x,
            support_y,
            support_mask,
            num_ways,
            self.options.predict_steps,
            self.options.inner_learning_rate,
        )
        del found["support_loss"]
        return found

    def stepped_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
        num_steps: Any,
        step_size: Any,
    ) -> dict[str, tf.Tensor]:
        """As `AdaptSteps.stepped_state`."""
        support = self.support_of(support_x, support_y, support_mask, num_ways)
        losses = self.support_losses(support)
        weights = descend(
            lambda weights: tf.reduce_sum(losses(weights)),
            self.initial_weights(tf.shape(support.ids)[0], num_ways),
            num_steps,
            step_size,
        )
        state = dict(zip(self.fast_names, weights, strict=True))
        state["class_mask"] = support.class_mask
        state["support_loss"] = losses(weights)
        return {k: tf.cast(v, tf.float32) for k, v in state.items()}

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores texts by the adapted classifier; see `EpisodicLearner`."""
        return self._query_scores(self.numeric(query_x), state)[0]

    def outputs_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Predictions, and the attention; see `EpisodicLearner`."""
        ids = self.numeric(query_x)
        logits, shares = self._query_scores(ids, state)
        # Of one length, however long the texts beside it are.
        rest = self.max_words - tf.shape(shares)[-1]
        shares = tf.pad(shares, [[0, 0], [0, 0], [0, rest]])
        shares = tf.ensure_shape(shares, [None, None, self.max_words])
        outputs = self.outputs_of(logits)
        return {**outputs, "attention": tf.cast(shares, tf.float32)}

    def _query_scores(
        self, ids: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        dtype = self.variable_dtype
        weights = [tf.cast(state[name], dtype) for name in self.fast_names]
        return self.scores(ids, weights, tf.cast(state["class_mask"], dtype))

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """What `fast_names` name, and `class_mask`."""
        size, ways = self.encoder.size, self.num_ways
        shapes: dict[str, tuple[int | None, ...]] = {
            VECTOR: (size,),
            KERNEL: (size, ways),
            BIAS: (ways,),
            "class_mask": (ways,),
        }
        for i, variable in enumerate(self.encoder.convolutions):
            shapes[f"encoder_{i:02d}"] = tuple(variable.shape)
        return {
            name: tf.TensorSpec([None, *shapes[name]], tf.float32, name)
            for name in (*self.fast_names, "class_mask")
        }

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Query loss after the inner steps (algorithm 1, line 7)."""
        support_seed, query_seed = step_seeds(self._seeds.next())
        support = self.support_of(
            episode.support_x,
            episode.support_y,
            episode.support_mask,
            num_ways,
            support_seed,
        )
        weights = functional.inner_sgd(
            self.inner_loss(support),
            self.initial_weights(tf.shape(support.ids)[0], num_ways),
            self.options.inner_steps,
            self.options.inner_learning_rate,
            self.options.first_order,
        )
        query_ids = self.numeric(episode.query_x)
        logits, _ = self.scores(
            query_ids, weights, support.class_mask, query_seed
        )
        return self.query_loss(episode, logits), logits

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), **self.options._asdict()}
