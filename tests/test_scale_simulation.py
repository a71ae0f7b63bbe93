"""The simulation behind docs/scale.md: within what arithmetic allows, as the textbook says, and as this machine did."""

import re

import numpy as np
import pytest

from benchmarks import scale_hardware as hardware
from benchmarks import scale_sites as sites
from benchmarks.scale import written
from benchmarks.scale_hardware import Cost, all_reduce_seconds, network_cost
from benchmarks.scale_simulation import Stage, bound, simulate
from benchmarks.scale_tables import TABLES, TOLERANCE
from core.config import PRESETS
from core.data.preprocessing import PreprocessingConfig
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def random_line(rng):
    """A line of 2 to 6 stages, with workers, queues and shared things."""
    return [
        Stage(
            f"stage {number}",
            rng.exponential(1, 600) if rng.random() < 0.5 else float(rng.uniform(0.1, 2)),
            workers=int(rng.integers(1, 4)),
            queue=int(rng.integers(0, 4)),
            holds=tuple(np.array(["cores", "weights"])[rng.random(2) < 0.3]),
        )
        for number in range(rng.integers(2, 7))
    ]


@pytest.mark.parametrize("seed", range(25))
def test_no_line_is_faster_than_its_slowest_part(seed):
    line = random_line(np.random.default_rng(seed))
    flow = simulate(line, 600)
    assert flow.per_second <= 1.06 * bound(line)  # means are of all items, the rate of those counted
    for stage in line:
        shares = flow.busy[stage.name], flow.blocked[stage.name], flow.idle[stage.name]
        assert sum(shares) == pytest.approx(1) and min(shares) > -1e-9
        assert flow.busy[stage.name] == pytest.approx(
            flow.per_second * stage.mean() / stage.workers, rel=0.15, abs=0.01
        )


@pytest.mark.parametrize("slow", range(4))
def test_one_slow_stage_gives_its_own_speed(slow):
    line = [Stage(str(place), 5.0 if place == slow else 1.0) for place in range(4)]
    flow = simulate(line)
    assert flow.per_second == pytest.approx(1 / 5) == pytest.approx(bound(line))
    assert flow.limit == str(slow) and flow.busy[str(slow)] == pytest.approx(1, abs=0.01)
    for place in range(slow):  # what is before it stops, what is behind it waits
        assert flow.blocked[str(place)] == pytest.approx(0.8, abs=0.02)
    for place in range(slow + 1, 4):
        assert flow.idle[str(place)] == pytest.approx(0.8, abs=0.02)


def test_workers_multiply_and_what_is_shared_adds_up():
    assert simulate([Stage("read", 0.01), Stage("decode", 1.0, workers=8)]).per_second == pytest.approx(
        8, rel=0.02
    )
    line = [
        Stage("make", 0.2, holds=("cores",)),
        Stage("compute", 0.5, holds=("cores", "weights")),
        Stage("exchange", 0.3, queue=0, holds=("weights",)),
    ]
    assert bound(line) == pytest.approx(1 / 0.8)
    flow = simulate(line)
    assert flow.per_second == pytest.approx(1 / 0.8, rel=0.01) and flow.limit == "compute"


@pytest.mark.parametrize("queue", [0, 1, 4])
def test_random_times_and_short_queues_cost_what_the_textbook_says(queue):
    """Two stations with exponential times and K places between them give (K + 2) / (K + 3) of one's speed: Hunt (1956),
    "Sequential arrays of waiting lines", Operations Research 4."""
    rng = np.random.default_rng(queue)
    items = 40_000
    line = [Stage("a", rng.exponential(1, items)), Stage("b", rng.exponential(1, items), queue=queue)]
    assert simulate(line, items).per_second == pytest.approx((queue + 2) / (queue + 3), rel=0.02)


def test_a_line_that_never_fills_is_refused():
    with pytest.raises(ValueError, match="too few"):
        simulate([Stage("a", 1.0)], 1)


def test_multiply_adds_by_hand():
    import keras
    from keras import layers

    faces = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(faces)  # 36 pixels x 9 x 1 x 4 = 1,296
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(8, 3)(x)  # 1 pixel x 9 x 4 x 8 = 288
    x = layers.Flatten()(layers.ReLU()(x))
    network = keras.Model(faces, layers.Dense(3)(x))  # 8 x 3 = 24
    cost = network_cost(network)
    assert cost.forward == 1296 + 288 + 24
    assert cost.training == 3 * 1296 - 1296 + 3 * 288 + 3 * 24
    assert (cost.layers, cost.normalisations) == (7, 1)
    assert cost.parameters == 36 + 8 + (288 + 8) + (24 + 3) and cost.gradient_bytes == 4 * 367


def test_resnet_50_has_the_multiply_adds_of_its_paper():
    """He et al. (2016), "Deep Residual Learning for Image Recognition", table 1: 3.8 x 10^9."""
    import keras

    cost = network_cost(keras.applications.ResNet50(weights=None))
    assert cost.forward == pytest.approx(3.8e9, rel=0.02) and cost.normalisations == 53


@pytest.mark.parametrize("name", ["quick", "affectnet"])
def test_multiply_adds_are_what_tensorflow_counts(name):
    import tensorflow as tf

    from core.network.model import build_model

    config = PRESETS[name]
    preprocessing = PreprocessingConfig(colour=config.colour, size=config.size)
    network = build_model(config, preprocessing, 8, affect=True)
    specification = tf.TensorSpec((1, *preprocessing.shape), tf.uint8)
    graph = tf.function(lambda faces: network(faces)).get_concrete_function(specification).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    counted = tf.compat.v1.profiler.profile(graph, cmd="op", options=options).total_float_ops
    ours = 2 * network_cost(network).forward
    assert ours <= counted <= 1.05 * ours  # it also counts pooling and normalisation


RESNET = Cost(
    forward=3_857_973_248, training=11_455_905_792, layers=176, normalisations=53, parameters=25_583_592
)


@pytest.mark.parametrize("precision", list(hardware.RESNET_IMAGES))
def test_the_gpu_of_the_tables_trains_resnet_50_as_fast_as_was_published(precision):
    seconds = hardware.layers_seconds(RESNET, RESNET, precision) + hardware.operations_seconds(
        RESNET, RESNET, hardware.A100, precision, hardware.RESNET_BATCH
    )
    assert hardware.RESNET_BATCH / seconds == pytest.approx(hardware.RESNET_IMAGES[precision])
    assert 0.1 < hardware.share_of_peak(RESNET, precision) < 0.3


def test_all_reduce_by_hand():
    nothing = {"gpu": None, "link": None}
    assert all_reduce_seconds(1e6, machines=1, gpus=1, **nothing) == 0
    assert all_reduce_seconds(1e6, machines=1, gpus=0, **nothing) == 0
    slow = all_reduce_seconds(6e6, machines=4, gpus=1, gpu=hardware.A100, link=hardware.TEN_GIGABIT)
    on_the_line = 2 * 3 / 4 * 6e6 / (1.25e9 * 0.92)  # 7.8 ms
    assert slow == pytest.approx(on_the_line + 8.4e-6 + 2 * 2 * 34e-6)
    inside = all_reduce_seconds(6e6, machines=1, gpus=8, gpu=hardware.A100, link=None)
    assert inside == pytest.approx(2 * 7 / 8 * 6e6 / (300e9 * 0.92) + 8.4e-6 + 14 * 4e-6)
    small = all_reduce_seconds(1024, machines=4, gpus=1, gpu=hardware.A100, link=hardware.HUNDRED_GIGABIT)
    assert small == pytest.approx(2 * 3 / 4 * 1024 / (12.5e9 * 0.92) + 6.8e-6 + 4 * 5e-6)


def a_preset(name, cost, *, step, face_bytes):
    known = {
        "batch": 128,
        "epochs": 20,
        "face_bytes": face_bytes,
        "assemble": 2e-4,
        "hand_over": 7e-4,
        "step": step,
    }
    return known | {"core_train": 128 / step, "scoring": 2e-3, "cost": vars(cost)}


AFFECTNET = Cost(
    forward=249_531_456, training=743_285_952, layers=63, normalisations=10, parameters=1_616_442
)
MEASURED = {
    "cores": 2, "load": 0.0, "machine": "a machine", "host_step": 2e-3, "scored_at_once": 256, "resnet": vars(RESNET),
    "photos": [{"photo": size, "bytes": 1e5, "read": 1e-4, "decode": 4e-3} for size in ("1280 x 960", "224 x 224")],
    "packing": {"faces_per_second": 480.0, "decode": 4e-3},
    "pack": {"cold_bytes": {"affectnet": 7e5, "affectnet-112": 2e6}, "write_bytes_per_second": 4e8,
             "cold_seconds": {"affectnet": 5e-4, "affectnet-112": 1e-3}},
    "presets": {"affectnet": a_preset("affectnet", AFFECTNET, step=0.9, face_bytes=12_288),
                "affectnet-112": a_preset("affectnet-112", AFFECTNET, step=1.3, face_bytes=37_632)},
}  # fmt: skip


def test_on_one_cpu_making_and_computing_share_the_cores():
    flow, speed = sites.training(sites.HERE, MEASURED, "affectnet")
    assert speed == pytest.approx(128 / (0.9 + 2e-4)) and flow.limit == "compute"
    assert sites.training(sites.ONE_CPU, MEASURED, "affectnet")[1] == pytest.approx(128 / (0.9 / 8 + 2e-4))


def test_more_never_makes_it_slower_and_a_batch_that_is_split_is_no_gain():
    speed = {site.name: sites.training(site, MEASURED, "affectnet")[1] for site in sites.SITES}
    names = [
        site.name for site in (sites.HERE, sites.ONE_CPU, sites.ONE_GPU, sites.FOUR_SLOW, sites.FOUR_FAST)
    ]
    assert sorted(names, key=speed.get) == names
    names = [each.name for each in (sites.EIGHT_GPUS, sites.THIRTY_TWO_SLOW, sites.THIRTY_TWO_FAST)]
    assert sorted(names, key=speed.get) == names
    split = sites.training(sites.replace(sites.EIGHT_GPUS, batch=16), MEASURED, "affectnet")[1]
    assert split < 2 * speed[sites.ONE_GPU.name]


def test_storage_limits_packing_until_decoding_does():
    on_disk = sites.replace(sites.EIGHT_GPUS, photos=hardware.DISK)
    flow, speed = sites.packing(on_disk, MEASURED, photo="1280 x 960", photo_bytes=122e3)
    assert flow.limit == "read photos"
    assert speed == pytest.approx(1 / hardware.DISK.seconds(122e3), rel=0.01)
    flow, speed = sites.packing(sites.HERE, MEASURED, photo="1280 x 960", photo_bytes=122e3)
    assert flow.limit == "decode"
    assert speed == pytest.approx(2 / (hardware.NVME.delay + 4.1e-3), rel=0.02)


def test_every_table_stands_between_its_marks():
    made = {name: table(MEASURED) for name, table in TABLES.items()}
    text = written(DOCUMENT, made)
    for lines in made.values():
        assert "\n".join(lines) in text
    assert re.findall("<!-- ([a-z ]+) -->", DOCUMENT) == [
        mark for name in TABLES for mark in (name, f"end of {name}")
    ]
    assert re.sub(r"^\|.*\n", "", written(text, made), flags=re.M) == re.sub(r"^\|.*\n", "", text, flags=re.M)
    with pytest.raises(SystemExit, match="no marks"):
        written("", made)


def table_in_document(name):
    lines = DOCUMENT.split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][
        2:
    ]


def test_the_simulation_foretold_what_this_project_did_when_it_was_measured():
    rows = table_in_document("predicted")
    assert len(rows) == 5
    for what, _, simulated, done, difference in rows:
        ratio = float(simulated.replace(",", "")) / float(done.replace(",", ""))
        assert abs(ratio - 1) <= TOLERANCE, what
        assert int(difference.removesuffix(" %")) == pytest.approx(100 * (ratio - 1), abs=1.5)
    assert f"up to {100 * TOLERANCE:.0f} %" in DOCUMENT


def test_what_the_document_names_is_there():
    assert len(table_in_document("training")) == len(sites.SITES)
    for path in re.findall(r"`((?:core|tests|benchmarks)/[\w/.]+)`", DOCUMENT):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m ([\w.]+)", DOCUMENT):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
