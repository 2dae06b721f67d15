"""Gumbel-softmax: draws follow the probabilities, and have the gradient of a soft choice."""

import pytest
import torch

from sw.gumbel import sample

LOGITS = torch.tensor([0.3, -1.0, 1.2])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_hard_draws_follow_softmax():
    source, count = generator(), 20_000
    drawn = torch.stack([sample(LOGITS, 0.7, source, hard=True) for _ in range(count)])
    assert torch.equal(drawn.sum(1), torch.ones(count))
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    assert torch.allclose(drawn.mean(0), LOGITS.softmax(0), atol=0.015)  # 4 standard deviations


def test_soft_draws_sum_to_one_and_sharpen():
    hot, cold = (sample(LOGITS, t, generator(), hard=False) for t in (10.0, 0.01))
    assert hot.sum().item() == pytest.approx(1)
    assert hot.max() < 0.6 < 0.99 < cold.max()
    assert hot.argmax() == cold.argmax()


def test_hard_draws_have_the_gradient_of_soft_ones():
    weight = torch.tensor([1.0, 2.0, 4.0])
    grads = []
    for hard in (True, False):
        logits = LOGITS.clone().requires_grad_()
        (sample(logits, 0.5, generator(3), hard=hard) @ weight).backward()
        grads.append(logits.grad)
    assert torch.equal(*grads)
    assert grads[0].abs().max() > 0


def test_draws_depend_on_the_generator_alone():
    torch.manual_seed(0)
    first = sample(LOGITS, 1.0, generator(5), hard=False)
    torch.rand(7)
    assert torch.equal(first, sample(LOGITS, 1.0, generator(5), hard=False))
