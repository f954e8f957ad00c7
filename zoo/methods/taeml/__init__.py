"""Task-adaptive ensemble of meta-learners (Park et al. 2018)."""

from metazoo.registry import MethodSpec, Paper, PaperResult, register

register(
    MethodSpec(
        name="taeml",
        title="TAEML",
        contract="episodic",
        model="metazoo.methods.taeml.taeml_model:TAEML",
        recipes="metazoo.methods.taeml.taeml_recipe:RECIPES",
        paper=Paper(
            title=(
                "TAEML: Task-Adaptive Ensemble of Meta-Learners for Few-shot "
                "Classification"
            ),
            authors=(
                "Minseop Park, Saehoon Kim, Jungtaek Kim, Yanbin Liu, "
                "Seungjin Choi"
            ),
            venue="NeurIPS Workshop on Meta-Learning",
            year=2018,
            url="https://github.com/OpenXAIProject/TAEML",
            results=(
                PaperResult("mini_imagenet", 10, 5, 0.461, True),
                PaperResult("cifar10", 10, 5, 0.466, True),
            ),
        ),
        experiments="metazoo.methods.taeml.taeml_experiments:EXPERIMENTS",
        doc="Trained learners, each trusted as far as it suits the task.",
    )
)
