"""Fuzzes the decoders by coverage, in this process, with atheris.

python tests/serving/fuzz/fuzz_atheris.py TARGET CORPUS -max_total_time=300

Any further argument is libFuzzer's. It needs `pip install atheris`.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire")]

with atheris.instrument_imports(include=["metazoo.serving"]):
    from fuzz_targets import LOCAL

NUM_SEEDS = 50


def main() -> None:
    name, corpus, *rest = sys.argv[1:]
    make, run = LOCAL[name]
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(NUM_SEEDS):
        data = make(random.Random(f"corpus/{seed}"))
        (folder / f"seed-{seed}").write_bytes(data)
    atheris.Setup([sys.argv[0], corpus, *rest], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
