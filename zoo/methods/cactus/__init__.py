"""Unsupervised learning via meta-learning (Hsu et al. 2019)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="cactus",
        title="CACTUs",
        contract="episodic",
        model="metazoo.methods.cactus.cactus_model:CACTUs",
        recipes="metazoo.methods.cactus.cactus_recipe:RECIPES",
        paper=Paper(
            title="Unsupervised Learning via Meta-Learning",
            authors="Kyle Hsu, Sergey Levine, Chelsea Finn",
            venue="ICLR",
            year=2019,
            url="https://arxiv.org/abs/1810.02334",
            results=(
                PaperResult("omniglot", 5, 1, 0.6884, transductive=True),
                PaperResult("omniglot", 5, 5, 0.8778, transductive=True),
                PaperResult("omniglot", 20, 1, 0.4809, transductive=True),
                PaperResult("omniglot", 20, 5, 0.7336, transductive=True),
                PaperResult("mini_imagenet", 5, 1, 0.399, transductive=True),
                PaperResult("mini_imagenet", 5, 5, 0.5397, transductive=True),
                PaperResult("mini_imagenet", 5, 20, 0.6384, transductive=True),
                PaperResult("mini_imagenet", 5, 50, 0.6964, transductive=True),
            ),
        ),
        other_models=(
            "metazoo.methods.cactus.cactus_acai:ACAI",
            "metazoo.methods.cactus.cactus_protonet:CACTUsProtoNet",
            "metazoo.methods.cactus.cactus_representation:Representation",
        ),
        experiments=("metazoo.methods.cactus.cactus_experiments:EXPERIMENTS"),
        doc="Tasks from clusters of an embedding learned without labels.",
    )
)
