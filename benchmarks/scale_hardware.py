"""Published figures of hardware that was not available, and the cost of a network on it.

Every figure stands here once, with where it was read; docs/scale.md shows them from here.
"""

import math
from dataclasses import dataclass

#: AffectNet as it is passed on: photos, and bytes of all of them.
PHOTOS, PHOTO_BYTES = 1_000_000, 122e9

#: Faces of the 8 expressions in the manually annotated training list and in the 2021 release.
EIGHT_LABELS = 287_651

#: What of a link's rated speed reaches a program.
LINK_SHARE = 0.92
LINK_SOURCE = 'Gregg 2008, "Up to 2 Gbytes/sec NFS": 92% of 10 Gb/s; assumed for PCIe and NVLink too'


@dataclass(frozen=True)
class Gpu:
    """Operations per second by precision, dense; bytes per second one way to the host and to other GPUs."""

    name: str
    operations: dict[str, float]
    host_link: float
    gpu_link: float
    source: str


@dataclass(frozen=True)
class Link:
    """Ethernet between machines: bytes per second, and seconds that its protocol adds to each hop."""

    rated: float
    delay: float


@dataclass(frozen=True)
class Storage:
    """Storage of photos or packs.

    Attributes:
        rated: bytes per second.
        requests: per second, all that it serves at once.
        delay: seconds until a request is answered.
        per_file: requests that opening and reading a small file takes.
    """

    name: str
    rated: float
    requests: float
    delay: float
    per_file: int
    source: str

    def seconds(self, size: float) -> float:
        """Of the storage's time, for `size` bytes in one piece, among many requests."""
        return 1 / self.requests + size / self.rated

    def alone(self, size: float) -> float:
        """Until `size` bytes in one piece are there, asked for by one thread that waits for them."""
        return self.delay + size / self.rated


A100 = Gpu(
    "A100", {"float32": 156e12, "mixed_bfloat16": 312e12}, 32e9, 300e9,
    "NVIDIA A100 data sheet: TF32 156, BF16 312 TFLOP/s dense; PCIe 4 64 GB/s and NVLink 600 GB/s, both ways together",
)  # fmt: skip
H100 = Gpu(
    "H100", {"float32": 494.7e12, "mixed_bfloat16": 989.4e12}, 64e9, 450e9,
    "NVIDIA H100 SXM data sheet: TF32 495, BF16 989 TFLOP/s dense; PCIe 5 128 GB/s and NVLink 900 GB/s, both ways",
)  # fmt: skip

#: NCCL's own estimates of the latencies of a collective (tree): to start, per hop inside a machine and between
#: machines, in seconds, for small messages (LL) and for large ones (Simple).
NCCL_SOURCE = "NCCL, src/graph/tuning.cc, `baseLat` and `hwLat`"
NCCL_SMALL, NCCL_LARGE = (6.8e-6, 0.6e-6, 5.0e-6), (8.4e-6, 4.0e-6, 14.0e-6)

#: What plain TCP adds to each hop between machines, seconds: NVMe over TCP is answered in 25 to 40 µs, over RDMA in 10
#: to 20 (nvme-tcp.com).
TCP_DELAY = 20e-6
TEN_GIGABIT, HUNDRED_GIGABIT_TCP = Link(1.25e9, TCP_DELAY), Link(12.5e9, TCP_DELAY)
HUNDRED_GIGABIT = Link(12.5e9, 0.0)

DISK = Storage(
    "hard disk", 270e6, 152, 1 / 152, 1,
    "Seagate Exos X18: 270 MB/s; 304 random reads/s of the two-armed 2X18 (Tom's Hardware), so 152 of one arm",
)  # fmt: skip
NFS = Storage(
    "NFS, 10 Gb/s", 1.25e9 * LINK_SHARE, 35_000, 250e-6, 3,
    "Amazon EFS user guide: 250 µs a read at best, 35,000 reads/s; open, read and close are three round trips",
)  # fmt: skip
NVME = Storage(
    "NVMe", 7.45e9, 1.4e6, 80e-6, 1,
    "Samsung 990 PRO: 7,450 MB/s, 1.4 million reads/s with many at once; 80 µs for one alone is an assumption",
)  # fmt: skip
OBJECTS = Storage(
    "object store, mounted", 1.25e9 * LINK_SHARE, 5_500, 150e-3, 1,
    "Amazon S3 user guide: 100 to 200 ms to the first byte, 5,500 reads/s per prefix; 10 Gb/s to it",
)  # fmt: skip

#: A network that was timed on an A100, by which others are judged: images per second of training at `BATCH`, and
#: seconds for one image alone, which is what the layers take however little they compute.
RESNET_SOURCE = "NVIDIA DeepLearningExamples, TensorFlow ResNet-50 v1.5 with XLA, README (commit 1d4211f)"
RESNET_BATCH = 256
RESNET_IMAGES = {"float32": 909.0, "mixed_bfloat16": 2375.0}
RESNET_ALONE = {"float32": 6.34e-3, "mixed_bfloat16": 5.76e-3}

#: How much longer a step takes where several devices wait for the slowest of them: the same table, 8 GPUs.
WAITING = 8 * 2375 / 17400


@dataclass(frozen=True)
class Cost:
    """Cost of one network.

    Attributes:
        forward: multiply-adds of convolutions and dense layers for one face.
        training: the same for a training step.
        layers: that compute something.
        normalisations: batch normalisations, which devices average together.
        parameters: numbers whose gradients they exchange.
    """

    forward: int
    training: int
    layers: int
    normalisations: int
    parameters: int

    @property
    def gradient_bytes(self) -> int:
        return 4 * self.parameters


def network_cost(network) -> Cost:
    """The cost of a built Keras network, counted layer by layer.

    A convolution is its kernel's numbers times the pixels it gives, a dense layer its kernel's numbers times how
    often it is applied. Backwards each is done twice, for its weights and for its input, of which the first layer,
    whose input is the face, needs only one.
    """
    counts = [
        math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        for layer in network.layers
        if any(weight.name == "kernel" for weight in layer.weights)
    ]
    kinds = [type(layer).__name__ for layer in network.layers]
    return Cost(
        forward=sum(counts),
        training=3 * sum(counts) - counts[0],
        layers=sum(kind not in ("InputLayer", "Identity") for kind in kinds),
        normalisations=kinds.count("BatchNormalization"),
        parameters=sum(math.prod(weight.shape) for weight in network.trainable_weights),
    )


def share_of_peak(resnet: Cost, precision: str) -> float:
    """Utilisation of an A100 by the timed network, without the fixed time per layer."""
    computing = RESNET_BATCH / RESNET_IMAGES[precision] - 3 * RESNET_ALONE[precision]
    return RESNET_BATCH * 2 * resnet.training / (computing * A100.operations[precision])


def layers_seconds(cost: Cost, resnet: Cost, precision: str, *, training: bool = True) -> float:
    """Fixed time of the layers per batch: forwards, and twice as long backwards."""
    return (3 if training else 1) * cost.layers * RESNET_ALONE[precision] / resnet.layers


def operations_seconds(
    cost: Cost, resnet: Cost, gpu: Gpu, precision: str, faces: int, *, training: bool = True
) -> float:
    """Time of the operations of `faces` on one GPU, without the fixed time."""
    counted = cost.training if training else cost.forward
    return faces * 2 * counted / (gpu.operations[precision] * share_of_peak(resnet, precision))


def all_reduce_seconds(size: float, *, machines: int, gpus: int, gpu: Gpu | None, link: Link | None) -> float:
    """Until `size` bytes are summed over all devices: inside each machine first, then between machines.

    A ring passes 2 (n - 1) / n of the bytes through every link (Patarasuk & Yuan 2009); its messages make
    2 ((g - 1) + log2 m) hops along a tree of m machines with g GPUs each.
    """
    if machines * max(gpus, 1) == 1:
        return 0.0
    start, inside, between = NCCL_SMALL if size < 64e3 else NCCL_LARGE
    seconds = start
    if gpus > 1:
        seconds += 2 * (gpus - 1) / gpus * size / (gpu.gpu_link * LINK_SHARE) + 2 * (gpus - 1) * inside
    if machines > 1:
        seconds += 2 * (machines - 1) / machines * size / (link.rated * LINK_SHARE)
        seconds += 2 * (machines - 1).bit_length() * (between + link.delay)
    return seconds
