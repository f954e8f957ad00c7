"""Reptile (Nichol, Achiam and Schulman 2018)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="reptile",
        title="Reptile",
        contract="episodic",
        model="metazoo.methods.reptile.reptile_model:Reptile",
        recipes="metazoo.methods.reptile.reptile_recipe:RECIPES",
        paper=Paper(
            title="On First-Order Meta-Learning Algorithms",
            authors="Alex Nichol, Joshua Achiam, John Schulman",
            venue="arXiv preprint",
            year=2018,
            url="https://arxiv.org/abs/1803.02999",
            results=(
                PaperResult("omniglot", 5, 1, 0.9539),
                PaperResult("omniglot", 5, 5, 0.989),
                PaperResult("omniglot", 5, 1, 0.9768, transductive=True),
                PaperResult("omniglot", 5, 5, 0.9948, transductive=True),
                PaperResult("omniglot", 20, 1, 0.8814),
                PaperResult("omniglot", 20, 5, 0.9665),
            ),
        ),
        doc="An initialisation close to where tasks' weights end up.",
    )
)
