"""ATAML in plain PyTorch: automatic inner gradients, tasks side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from methods.ataml.data import (
    CLIP_NORM,
    DILATIONS,
    DROPOUT,
    FIRST_WORD,
    INNER_LEARNING_RATE,
    MAX_WORDS,
    TAPS,
    VOCABULARY,
    numbers,
    texts,
    weights,
)
from rows import Row
from sides.images import OUTER_LEARNING_RATE
from sides.torch_steps import adam
from sides.worker import Step
from torch.nn import functional as F

NUMBERS = {word: i + FIRST_WORD for i, word in enumerate(VOCABULARY)}
UNKNOWN = 1
APOSTROPHES = re.compile("['’]")
SEPARATORS = re.compile(r"[^\w\s]|_")


def numbered(written: Sequence[bytes]) -> torch.Tensor:
    """Word numbers [texts, words] of texts, 0 for padding."""
    found = []
    for text in written:
        plain = APOSTROPHES.sub("", text.decode().lower())
        words = SEPARATORS.sub(" ", plain).split()[:MAX_WORDS]
        found.append(torch.tensor([NUMBERS.get(w, UNKNOWN) for w in words]))
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True)


class Ataml:
    """Weights, and the inner loop, after Jiang et al. 2018."""

    def __init__(self, row: Row) -> None:
        given = weights(row)
        self.row = row
        self.embeddings = torch.from_numpy(given.embeddings)
        self.kernels = [
            torch.from_numpy(kernel)
            .unflatten(0, (TAPS, -1))
            .permute(2, 1, 0)
            .contiguous()
            for kernel in given.convolutions[::2]
        ]
        self.biases = [torch.from_numpy(b) for b in given.convolutions[1::2]]
        self.head = [torch.from_numpy(w) for w in given.head]
        self.parameters = [*self.kernels, *self.biases, *self.head]
        for parameter in self.parameters:
            parameter.requires_grad_()

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """States [tasks, texts, words, filters]; zero for padding."""
        real = (ids != 0).flatten(0, 1)[:, None]
        x = self.embeddings[ids].flatten(0, 1).mT * real
        layers = zip(self.kernels, self.biases, DILATIONS, strict=True)
        for kernel, bias, dilation in layers:
            x = F.pad(x, (dilation * (TAPS - 1), 0))
            x = F.leaky_relu(F.conv1d(x, kernel, bias, dilation=dilation))
            if self.row.sample:
                x = F.dropout(x, DROPOUT)
            x = x * real
        return x.mT.unflatten(0, ids.shape[:2])

    def logits(
        self,
        states: torch.Tensor,
        real: torch.Tensor,
        head: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """Scores texts; the head has a leading tasks axis."""
        vector, kernel, bias = head
        scores = torch.einsum("tslh,th->tsl", states, vector)
        shares = scores.masked_fill(~real, -1e9).softmax(-1)
        context = torch.einsum("tsl,tslh->tsh", shares, states)
        return context @ kernel + bias[:, None]

    def adapt(
        self, ids: torch.Tensor, y: torch.Tensor, train: bool
    ) -> list[torch.Tensor]:
        """Attention and classifier of each task."""
        tasks = len(ids)
        with torch.set_grad_enabled(train):
            states, real = self.states(ids), ids != 0
        fast = [w.expand(tasks, *w.shape) for w in self.head]
        if not train:
            fast = [w.detach().requires_grad_() for w in fast]
        for _ in range(self.row.inner_steps):
            logits = self.logits(states, real, fast).flatten(0, 1)
            loss = F.cross_entropy(logits, y.flatten(), reduction="sum")
            loss = loss / y.shape[1]
            steps = torch.autograd.grad(loss, fast, create_graph=train)
            fast = [
                w - INNER_LEARNING_RATE * g
                for w, g in zip(fast, steps, strict=True)
            ]
        return fast

    def scores(
        self, ids: torch.Tensor, fast: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Logits of queries."""
        return self.logits(self.states(ids), ids != 0, fast)


def train_step(row: Row) -> Step:
    """An outer update on texts numbered beforehand."""
    model = Ataml(row)
    data = {k: torch.from_numpy(v).long() for k, v in numbers(row).items()}
    optimizer = adam(model.parameters, OUTER_LEARNING_RATE)

    def step() -> float:
        optimizer.zero_grad()
        fast = model.adapt(data["support_x"], data["support_y"], True)
        logits = model.scores(data["query_x"], fast).flatten(0, 1)
        loss = F.cross_entropy(logits, data["query_y"].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters, CLIP_NORM)
        optimizer.step()
        return loss.item()

    return step


def adapt_step(row: Row) -> Step:
    """Adapts to the texts of one task and predicts its queries."""
    model = Ataml(row)
    data = {name: value[0] for name, value in texts(row).items()}
    y = torch.from_numpy(data["support_y"])[None]
    rows = np.arange(len(data["query_y"]))

    def step() -> float:
        fast = model.adapt(numbered(data["support_x"])[None], y, False)
        with torch.no_grad():
            logits = model.scores(numbered(data["query_x"])[None], fast)
            shares = logits[0].softmax(-1).numpy()
        return float(-np.log(shares[rows, data["query_y"]]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
