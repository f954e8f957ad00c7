"""Model-agnostic meta-learning (Finn et al. 2017)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="maml",
        title="MAML",
        contract="episodic",
        model="metazoo.methods.maml.maml_model:MAML",
        recipes="metazoo.methods.maml.maml_recipe:RECIPES",
        paper=Paper(
            title=(
                "Model-Agnostic Meta-Learning for Fast Adaptation of Deep "
                "Networks"
            ),
            authors="Chelsea Finn, Pieter Abbeel, Sergey Levine",
            venue="ICML",
            year=2017,
            url="https://arxiv.org/abs/1703.03400",
            results=(
                PaperResult("omniglot", 5, 1, 0.987, transductive=True),
                PaperResult("omniglot", 5, 5, 0.999, transductive=True),
                PaperResult("omniglot", 20, 1, 0.958, transductive=True),
                PaperResult("omniglot", 20, 5, 0.989, transductive=True),
            ),
        ),
        doc="An initialisation from which a few gradient steps suffice.",
    )
)
