"""GMM-VAE: a mixture component for every class (Li et al. 2018)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="gmm_vae",
        title="GMM-VAE",
        contract="episodic",
        model="metazoo.methods.gmm_vae.gmm_vae_model:GMMVAE",
        recipes="metazoo.methods.gmm_vae.gmm_vae_recipe:RECIPES",
        experiments="metazoo.methods.gmm_vae.gmm_vae_experiments:EXPERIMENTS",
        paper=Paper(
            title="Few-shot Learning for Free by Modelling Global Class "
            "Structure",
            authors="Xuechen Li, Will Grathwohl, Eleni Triantafillou, David "
            "Duvenaud, Richard Zemel",
            venue="NIPS Meta-Learning Workshop",
            year=2018,
            url="http://metalearning.ml/2018/",
            results=(
                PaperResult("omniglot", 5, 1, 0.989),
                PaperResult("omniglot", 5, 5, 0.996),
                PaperResult("omniglot", 20, 1, 0.967),
                PaperResult("omniglot", 20, 5, 0.992),
            ),
        ),
        doc="A class is a component of one mixture over all classes.",
    )
)
