"""Explanations of a run's network by the methods that it admits."""

from typing import Literal

import numpy as np

from core.errors import AffectoscopeError
from core.network.gradcam import Explanation, explain, split_network
from core.network.gradcam import Method as GradientMethod
from core.network.occlusion import explain_by_occlusion
from core.runs.run import Run
from core.runtime.environment import quiet_tensorflow

Method = Literal["grad-cam", "hirescam", "occlusion"]

#: The methods and their titles: the gradient of a Keras network of core.train, or the outputs of any network.
METHODS: dict[Method, str] = {"grad-cam": "Grad-CAM", "hirescam": "HiResCAM", "occlusion": "Occlusion"}


class Explainer:
    """The network of a run, loaded for explanations.

    Attributes:
        methods: those that the network admits, the default first.
        side: side in regions of the feature map that Grad-CAM and HiResCAM explain; None without these.
    """

    def __init__(self, run: Run) -> None:
        with quiet_tensorflow():
            self._network = run.load_model()
            try:
                self._split = split_network(self._network)
            except AffectoscopeError as error:
                self._split, self._reason = None, error
        self.methods: tuple[Method, ...] = tuple(METHODS) if self._split else ("occlusion",)
        self.side = self._split.side if self._split else None

    def explain(self, face: np.ndarray, label: int, *, method: Method | None = None) -> Explanation:
        """Compute the heat map of one label for one face.

        Args:
            face: (size, size, channels) uint8, preprocessed for the network.
            label: index among the run's labels.
            method: default: the first of `methods`. An OcclusionMap says its patch and stride.

        Raises:
            AffectoscopeError: the network does not admit the method, or the face has another shape.
        """
        method = method or self.methods[0]
        if method == "occlusion":
            return explain_by_occlusion(self._network, face, label)
        if self._split is None:
            raise self._reason
        gradient: GradientMethod = method
        return explain(self._split, face, label, method=gradient)
