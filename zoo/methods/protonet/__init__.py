"""Prototypical networks (Snell et al. 2017)."""

from metazoo.registry import MethodSpec, Paper, register

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
        ),
        doc="A class is the mean embedding of its support examples.",
    )
)
