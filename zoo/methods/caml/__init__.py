"""Conditional class-aware meta-learning (Jiang et al. 2019)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="caml",
        title="CAML",
        contract="episodic",
        model="metazoo.methods.caml.caml_model:CAML",
        recipes="metazoo.methods.caml.caml_recipe:RECIPES",
        paper=Paper(
            title="Learning to Learn with Conditional Class Dependencies",
            authors=(
                "Xiang Jiang, Mohammad Havaei, Farshid Varno, Gabriel "
                "Chartrand, Nicolas Chapados, Stan Matwin"
            ),
            venue="ICLR",
            year=2019,
            url="https://openreview.net/forum?id=BJfOXnActQ",
            results=(
                PaperResult("mini_imagenet", 5, 1, 0.5923),
                PaperResult("mini_imagenet", 5, 5, 0.7235),
            ),
        ),
        experiments="metazoo.methods.caml.caml_experiments:EXPERIMENTS",
        other_models=(
            "metazoo.methods.caml.caml_control:ShuffledCAML",
            "metazoo.methods.caml.caml_control:UnconditionedCAML",
        ),
        doc="MAML whose features heed each image's place in a metric space.",
    )
)
