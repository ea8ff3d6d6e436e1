"""The loop that training runs share: Adam along a cosine, checkpoints, and the card at the end."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kriss.solve.learned import _model
from kriss.train._checkpoint import Tensor, plot, restore, save, torch

Array = npt.NDArray[Any]

EVERY = 100  # steps between checkpoints


class Run:
    """A run of `total` steps: its weights, losses, and the checkpoint beside the model `out`.

    `started` is when its clock began; what an earlier run has left is deleted unless `resume`.
    """

    def __init__(
        self, config: Any, out: Path, weights: dict[str, Tensor], total: int, *, started: float, resume: bool
    ) -> None:
        self.config, self.out, self.weights, self.total = config, out, weights, total
        self._optimiser = torch.optim.Adam(list(weights.values()), lr=config.rate)
        self.losses: list[float] = []
        self.checkpoint = out.with_suffix(".checkpoint.npz")
        self.resumed = resume and self.checkpoint.is_file()
        self._started = started
        if self.resumed:
            self._started -= restore(self.checkpoint, config, weights, self._optimiser, self.losses)
        else:
            self.checkpoint.unlink(missing_ok=True)

    def go(
        self, last: int, samples: int, backward: Callable[[Array], float], *, progress: bool, label: str = "steps"
    ) -> None:
        """Up to step `last`; ``backward(chosen)`` adds the gradients of a batch of the samples and returns its loss."""
        from tqdm import tqdm

        config, weights = self.config, list(self.weights.values())
        with tqdm(total=config.steps, desc=label, disable=not progress) as bar:
            bar.update(len(self.losses) - last + config.steps)
            while len(self.losses) < last:
                step = len(self.losses)
                for group in self._optimiser.param_groups:
                    group["lr"] = 0.5 * config.rate * (1.0 + math.cos(math.pi * step / self.total))
                chosen = np.random.default_rng([config.seed, 3, step]).choice(samples, config.batch)
                self._optimiser.zero_grad()
                self.losses.append(backward(chosen))
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                self._optimiser.step()
                bar.update()
                bar.set_postfix(loss=f"{np.mean(self.losses[-50:]):.4f}")
                if len(self.losses) % EVERY == 0 or len(self.losses) == self.total:
                    save(self.checkpoint, config, self.weights, self._optimiser, self.losses, self._spent())

    def finish(
        self, name: str, what: str, data: str, loss: str, test: Callable[[dict[str, Array]], Any],
        picture: Path | None, label: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Test, write the model, its card and the picture of the loss; returns the card."""
        config, losses = self.config, self.losses
        arrays = {k: v.detach().numpy().copy() for k, v in self.weights.items()}
        card = {
            "name": name,
            "what": what,
            "data": data,
            "config": {k: getattr(config, k) for k in config.__dataclass_fields__},
            "loss": loss,
            "losses": [round(float(np.mean(losses[k : k + 50])), 4) for k in range(0, len(losses), 50)],
            "training_seconds": round(self._spent(), 1),
            "torch": torch.__version__,
            "machine": platform.machine(),
            "test": test(arrays),
        }
        _model.write(self.out, arrays, card)
        if picture is not None:
            plot(losses, picture, label)
        return card

    def add(self, seconds: float) -> None:
        """Count time that an earlier run spent before its first checkpoint."""
        if not self.resumed:
            self._started -= seconds

    def _spent(self) -> float:
        return time.perf_counter() - self._started
