"""Prototypical networks (Snell et al. 2017)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="protonet",
        title="ProtoNet",
        contract="episodic",
        model="metazoo.methods.protonet.protonet_model:ProtoNet",
        recipes="metazoo.methods.protonet.protonet_recipe:RECIPES",
        paper=Paper(
            title="Prototypical Networks for Few-shot Learning",
            authors="Jake Snell, Kevin Swersky, Richard Zemel",
            venue="NIPS",
            year=2017,
            url="https://arxiv.org/abs/1703.05175",
            results=(
                PaperResult("omniglot", 5, 1, 0.988),
                PaperResult("omniglot", 5, 5, 0.997),
                PaperResult("omniglot", 20, 1, 0.96),
                PaperResult("omniglot", 20, 5, 0.989),
            ),
        ),
        doc="A class is the mean embedding of its support examples.",
    )
)
