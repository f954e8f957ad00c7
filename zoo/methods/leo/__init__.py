"""Latent embedding optimisation (Rusu et al. 2019)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="leo",
        title="LEO",
        contract="episodic",
        model="metazoo.methods.leo.leo_model:LEO",
        recipes="metazoo.methods.leo.leo_recipe:RECIPES",
        paper=Paper(
            title="Meta-Learning with Latent Embedding Optimization",
            authors=(
                "Andrei A. Rusu, Dushyant Rao, Jakub Sygnowski, Oriol "
                "Vinyals, Razvan Pascanu, Simon Osindero, Raia Hadsell"
            ),
            venue="ICLR",
            year=2019,
            url="https://arxiv.org/abs/1807.05960",
            results=(
                PaperResult("mini_imagenet", 5, 1, 0.6176),
                PaperResult("mini_imagenet", 5, 5, 0.7759),
                PaperResult("tiered_imagenet", 5, 1, 0.6633),
                PaperResult("tiered_imagenet", 5, 5, 0.8144),
            ),
        ),
        experiments="metazoo.methods.leo.leo_experiments:EXPERIMENTS",
        other_models=("metazoo.methods.leo.leo_control:LinearMetaSGD",),
        doc="Gradient steps on a code from which weights are decoded.",
    )
)
