"""SimpleShot: a classifier's features and class means (Wang et al. 2019)."""

from metazoo.registry import MethodSpec, Paper, register

register(
    MethodSpec(
        name="simpleshot",
        title="SimpleShot",
        contract="episodic",
        model="metazoo.methods.simpleshot.simpleshot_model:SimpleShot",
        recipes="metazoo.methods.simpleshot.simpleshot_recipe:RECIPES",
        paper=Paper(
            title=(
                "SimpleShot: Revisiting Nearest-Neighbor Classification for "
                "Few-Shot Learning"
            ),
            authors=(
                "Yan Wang, Wei-Lun Chao, Kilian Q. Weinberger, Laurens van "
                "der Maaten"
            ),
            venue="arXiv",
            year=2019,
            url="https://arxiv.org/abs/1911.04623",
        ),
        doc="A class is the mean of its features in a supervised network.",
    )
)
