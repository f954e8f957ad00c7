"""The algorithm of the paper in plain loops, one number at a time."""

from __future__ import annotations

import math

import numpy as np


def log_normal(h, mu, sigma):
    """Log density of an isotropic Gaussian with variance sigma."""
    distance = float(np.sum((h - mu) ** 2))
    return -distance / (2 * sigma) - len(h) / 2 * math.log(2 * math.pi * sigma)


def threshold(means, sigma, alpha):
    """Step 3, with rho the unbiased variance over class means."""
    rho = 0.0
    if len(means) > 1:
        rho = float(np.mean(np.var(np.stack(means), axis=0, ddof=1)))
    size = len(means[0])
    return 2 * sigma * math.log((1 + rho / sigma) ** (size / 2) / alpha)


def shares(h, clusters, allowed):
    """Soft assignment of one point."""
    scores = [
        log_normal(h, mu, sigma) if allowed(label) else -np.inf
        for mu, label, sigma in clusters
    ]
    weights = np.exp(np.array(scores) - max(scores))
    return weights / weights.sum()


def infer(
    support,
    y,
    unlabelled,
    sigma,
    sigma_u,
    alpha,
    rule="all_class_clusters",
    steps=1,
):
    """Steps 2 to 8: list of (mean, label, variance, mass), and lambda."""
    classes = sorted(set(y))
    means = [
        np.mean([h for h, c in zip(support, y, strict=True) if c == k], 0)
        for k in classes
    ]
    s = sigma if len(unlabelled) == 0 else (sigma + sigma_u) / 2
    lam = threshold(means, s, alpha)
    clusters = [(m, k, sigma) for m, k in zip(means, classes, strict=True)]
    for _ in range(steps):
        for h, label in zip(support, y, strict=True):
            own = [mu for mu, k, _ in clusters if k == label]
            if rule == "first_cluster":
                own = own[:1]
            if min(np.sum((h - mu) ** 2) for mu in own) > lam:
                clusters.append((h, label, sigma))
        for h in unlabelled:
            if min(np.sum((h - mu) ** 2) for mu, _, _ in clusters) > lam:
                clusters.append((h, -1, sigma_u))
        z = [
            shares(h, clusters, lambda k, label=label: k == label)
            for h, label in zip(support, y, strict=True)
        ]
        z += [shares(h, clusters, lambda k: True) for h in unlabelled]
        points = [*support, *unlabelled]
        found = []
        for c, (_, label, variance) in enumerate(clusters):
            mass = sum(row[c] for row in z)
            if mass <= 1e-3:
                continue
            total = sum(
                row[c] * np.asarray(h) for row, h in zip(z, points, strict=True)
            )
            found.append((total / mass, label, variance, mass))
        clusters = [part[:3] for part in found]
    return found, lam


def predict(h, found, num_ways):
    """Steps 9 to 11: best score of each class, and of unlabelled clusters."""
    best = [-1e9] * (num_ways + 1)
    for mu, label, sigma, _ in found:
        best[label] = max(best[label], log_normal(h, mu, sigma))
    return best
