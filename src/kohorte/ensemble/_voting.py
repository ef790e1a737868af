"""Compiled votes of points for the groups that hold their clusters."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def add_votes(
    codes: np.ndarray,
    weights: np.ndarray,
    ballots: np.ndarray,
    signal: np.ndarray,
    tally: np.ndarray,
) -> None:
    """Add one realization's weights and votes to those of its points."""
    first, ballot = tally[0], ballots[0]
    for p in range(codes.size):
        signal[p] += weights[codes[p]]
        first[p] += ballot[codes[p]]
    for w in range(1, len(tally)):
        word, ballot = tally[w], ballots[w]
        for p in range(codes.size):
            word[p] += ballot[codes[p]]


@njit(nogil=True, cache=True)
def elect(
    tally: np.ndarray,
    bits: int,
    n_groups: int,
    winner: np.ndarray,
    votes: np.ndarray,
    second: np.ndarray,
    second_votes: np.ndarray,
) -> None:
    """Find the two groups with most votes of each point; the lower one wins a tie."""
    mask = np.uint64(2**bits - 1)
    winner[:] = 0
    votes[:] = 0
    second[:] = -1
    second_votes[:] = 0
    for g in range(n_groups):
        word, shift = tally[g * bits // 64], np.uint64(g * bits % 64)
        for p in range(word.size):
            n = (word[p] >> shift) & mask
            if n > votes[p]:
                if votes[p] > 0:
                    second[p] = winner[p]
                    second_votes[p] = votes[p]
                votes[p] = n
                winner[p] = g
            elif n > second_votes[p]:
                second_votes[p] = n
                second[p] = g


@njit(nogil=True, cache=True)
def count_alike(codes: np.ndarray, groups: np.ndarray, winner: np.ndarray) -> int:
    """Count the points whose clusters vote for the group that won; `groups` as `winner` in type."""
    alike = 0
    for p in range(codes.size):
        alike += groups[codes[p]] == winner[p]
    return alike


@njit(nogil=True, cache=True)
def add_weighted_votes(
    codes: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    signal: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Add one realization's weights to its points and to the groups that its clusters vote for."""
    for p in range(codes.size):
        weight = weights[codes[p]]
        signal[p] += weight
        scores[groups[codes[p]], p] += weight


@njit(nogil=True, cache=True)
def elect_weighted(
    scores: np.ndarray,
    winner: np.ndarray,
    votes: np.ndarray,
    second: np.ndarray,
    second_votes: np.ndarray,
) -> None:
    """Find the two groups of highest weight of each point; the lower one wins a tie."""
    for p in range(scores.shape[1]):
        best = 0
        for g in range(1, scores.shape[0]):
            if scores[g, p] > scores[best, p]:
                best = g
        winner[p] = best
        votes[p] = scores[best, p]
        second[p] = -1
        second_votes[p] = 0.0
        for g in range(scores.shape[0]):
            if g != best and scores[g, p] > second_votes[p]:
                second[p] = g
                second_votes[p] = scores[g, p]
