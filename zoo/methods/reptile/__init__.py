"""Reptile (Nichol, Achiam and Schulman 2018)."""

from metazoo.registry import MethodSpec, Paper, register

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
        ),
        doc="An initialisation close to where tasks' weights end up.",
    )
)
