"""BANDE: infinite mixture prototypes (Allen et al. 2018, 2019)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="bande",
        title="BANDE",
        contract="episodic",
        model="metazoo.methods.bande.bande_model:BANDE",
        recipes="metazoo.methods.bande.bande_recipe:RECIPES",
        experiments="metazoo.methods.bande.bande_experiments:EXPERIMENTS",
        paper=Paper(
            title="Variadic (Meta-)Learning by Bayesian Nonparametric Deep "
            "Embedding",
            authors="Kelsey R. Allen, Hanul Shin, Evan Shelhamer, Joshua B. "
            "Tenenbaum",
            venue="NIPS Meta-Learning Workshop",
            year=2018,
            url="https://arxiv.org/abs/1902.04552",
            results=(PaperResult("omniglot", 20, 1, 0.951),),
        ),
        doc="A class is a set of clusters, as many as its examples ask for.",
    )
)
