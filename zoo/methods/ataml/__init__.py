"""Attentive task-agnostic meta-learning (Jiang et al. 2018)."""

from metazoo.registry import MethodSpec, Paper, register

register(
    MethodSpec(
        name="ataml",
        title="ATAML",
        contract="episodic",
        model="metazoo.methods.ataml.ataml_model:ATAML",
        recipes="metazoo.methods.ataml.ataml_recipe:RECIPES",
        paper=Paper(
            title=(
                "Attentive Task-Agnostic Meta-Learning for Few-Shot Text "
                "Classification"
            ),
            authors=(
                "Xiang Jiang, Mohammad Havaei, Gabriel Chartrand, Hassan "
                "Chouaib, Thomas Vincent, Andrew Jesson, Nicolas Chapados, "
                "Stan Matwin"
            ),
            venue="NeurIPS Workshop on Meta-Learning",
            year=2018,
            url="https://arxiv.org/abs/1806.00852",
        ),
        experiments="metazoo.methods.ataml.ataml_experiments:EXPERIMENTS",
        other_models=("metazoo.methods.ataml.ataml_many:MultiLabelATAML",),
        doc="Attention and classifier adapt to a task, the encoder to none.",
    )
)
