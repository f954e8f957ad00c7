"""Recipes of ATAML and of the paper's other variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.text import TextRecipe

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.methods.ataml.ataml_model import ATAML


@dataclass(frozen=True)
class ATAMLRecipe(TextRecipe):
    """Hyper-parameters of ATAML. The paper states few of them.

    Attributes:
        attention: "softmax", "linear" or "mean"; see `ATAML`.
        adapts: "task" or "all"; see `ATAML`.
        head: "columns" or "tiled"; see `ATAML`.
        inner_steps: gradient steps in training.
        inner_learning_rate: beta_T in the paper.
        predict_steps: gradient steps of `adapt`.
        first_order: leave out second derivatives.
        train_attention: whether the initial attention is trained.
    """

    num_tasks: int = 4
    global_clipnorm: float | None = 10.0
    attention: str = "softmax"
    adapts: str = "task"
    head: str = "columns"
    inner_steps: int = 5
    inner_learning_rate: float = 0.1
    predict_steps: int = 10
    first_order: bool = False
    train_attention: bool = True

    def learner_for(self, data: ClassDataset) -> ATAML:
        """Builds an untrained `ATAML` that knows the words of some texts.

        Args:
            data: the training classes.
        """
        from metazoo.methods.ataml.ataml_model import ATAML

        vocabulary = self.vocabulary_of(data)
        return ATAML(
            self.text_backbone(vocabulary),
            vocabulary.words,
            max_words=self.max_words,
            num_ways=self.num_ways if self.head == "columns" else None,
            attention=self.attention,
            adapts=self.adapts,
            head=self.head,
            inner_steps=self.inner_steps,
            inner_learning_rate=self.inner_learning_rate,
            predict_steps=self.predict_steps,
            first_order=self.first_order,
            train_attention=self.train_attention,
            name="ataml",
        )

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on made-up phrases, for tests.

        Args:
            **changes: further fields to change.
        """
        small = {"inner_steps": 2, "predict_steps": 2}
        return super().tiny(**{**small, **changes})


# As in the paper where it says so: GloVe's vectors of 300 entries, dropout
# of one half; channels, queries and steps are this project's.
PAPER: dict[str, Any] = {
    "filters": 300,
    "dropout": 0.5,
    "num_queries": 15,
    "steps": 15000,
    "vocabulary_size": 20000,
    "min_count": 2,
    "word_vectors": "glove.6B.300d.txt",
}
# Two CPU cores: fewer channels and queries, and vectors made of the training
# texts, since those of GloVe must be fetched. Rates and dilations were chosen
# on the validation intents of CLINC150.
_TWO_CORES = ATAMLRecipe(
    num_queries=5,
    steps=1500,
    dilations=(1, 3),
    outer_learning_rate=3e-3,
    inner_learning_rate=0.03,
)
# An article is long, and so is a step on articles.
_ARTICLES: dict[str, dict[str, Any]] = {
    "": {"max_words": 100, "steps": 500},
    "paper_": {"max_words": 200},
}

RECIPES = {
    f"{scale}{name}_5way_{shots}shot": base.replace(
        dataset=name,
        num_shots=shots,
        **(_ARTICLES[scale] if name == "reuters" else {}),
    )
    for scale, base in (
        ("", _TWO_CORES),
        ("paper_", ATAMLRecipe(**PAPER, keep_best=True)),
    )
    for name in ("clinc150", "huffpost", "reuters")
    for shots in (1, 5)
}
# For use: up to ten classes, of one to five texts each.
RECIPES["clinc150_10way"] = _TWO_CORES.replace(
    dataset="clinc150",
    num_ways=10,
    num_shots=(1, 5),
    steps=3000,
    keep_best=True,
)
