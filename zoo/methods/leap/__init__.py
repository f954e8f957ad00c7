"""Leap (Flennerhag, Moreno, Lawrence and Damianou 2019)."""

from metazoo.registry import MethodSpec, Paper, register

register(
    MethodSpec(
        name="leap",
        title="Leap",
        contract="episodic",
        model="metazoo.methods.leap.leap_model:Leap",
        recipes="metazoo.methods.leap.leap_recipe:RECIPES",
        experiments="metazoo.methods.leap.leap_experiments:EXPERIMENTS",
        other_models=("metazoo.methods.leap.leap_control:FirstOrderControl",),
        paper=Paper(
            title="Transferring Knowledge across Learning Processes",
            authors="Sebastian Flennerhag, Pablo G. Moreno, Neil D. "
            "Lawrence, Andreas Damianou",
            venue="ICLR",
            year=2019,
            url="https://arxiv.org/abs/1812.01054",
        ),
        doc="An initialisation from which long trainings have a short path.",
    )
)
