"""Bytes -> upright image -> crop: every orientation, mode and kind of damage, and exact crop geometry."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from core.data.images import as_webp, read_upright, upright
from core.data.preprocessing import PreprocessingConfig, crop_face, crop_geometry
from core.errors import AffectoscopeError

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def corners(image: Image.Image) -> tuple:
    """Top left, top right, bottom right, bottom left, each rounded to black or full channels."""
    right, bottom = image.width - 2, image.height - 2
    pixels = [image.getpixel(place) for place in ((1, 1), (right, 1), (right, bottom), (1, bottom))]
    return tuple(
        tuple(255 if channel > 170 else 0 if channel < 80 else 90 for channel in one) for one in pixels
    )


def marked() -> Image.Image:
    """40 x 24, each corner in a colour of its own."""
    image = Image.new("RGB", (40, 24), GREY)
    for place, colour in (((0, 0), RED), ((32, 0), GREEN), ((32, 16), BLUE)):
        image.paste(colour, (*place, place[0] + 8, place[1] + 8))
    return image


#: How a camera that writes EXIF orientation n has stored the picture (the inverse of what a reader does).
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_comes_upright(orientation, format):
    stored = marked() if STORED[orientation] is None else marked().transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    image = read_upright(encoded(stored, format, exif=exif, **options))
    assert image.size == (40, 24)
    assert corners(image) == (RED, GREEN, BLUE, GREY)
    assert image.getexif().get(0x0112, 1) == 1, "turned a second time by the next reader"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_cost_the_photo():
    jpeg = encoded(marked(), "JPEG")
    for content in (
        b"Exif\0\0garbage",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01",
    ):
        segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
        assert read_upright(jpeg[:2] + segment + jpeg[2:]).size == (40, 24)


def test_cmyk_jpeg_keeps_its_colours():
    image = read_upright(
        encoded(Image.new("RGB", (32, 32), (200, 40, 40)).convert("CMYK"), "JPEG", quality=95)
    )
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image, int)[8, 8] - (200, 40, 40)).max() <= 6


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = np.array([[0, 257, 25700, 65535]], np.uint16).repeat(4, axis=0)
    image = read_upright(encoded(Image.fromarray(values)))
    assert image.mode == "L"
    assert np.asarray(image)[0].tolist() == [0, 1, 100, 255]


def transparent(mode: str) -> bytes:
    """A dark square of which the left half is transparent."""
    alpha = Image.new("L", (20, 20), 255)
    alpha.paste(0, (0, 0, 10, 20))
    image = Image.new("RGB" if mode in ("RGBA", "P") else "L", (20, 20), 10 if mode == "LA" else (10, 10, 10))
    image.putalpha(alpha)
    if mode == "P":
        palette = Image.new("P", (20, 20), 1)
        palette.putpalette([10, 10, 10] * 2)
        palette.paste(0, (0, 0, 10, 20))
        return encoded(palette, transparency=0)
    return encoded(image)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_become_white(mode):
    image = read_upright(transparent(mode))
    assert image.mode == "RGB"
    assert image.getpixel((3, 3)) == (255, 255, 255)
    assert image.getpixel((15, 3)) == (10, 10, 10)


@pytest.mark.parametrize(("mode", "colour", "key"), [("RGB", (9, 9, 9), (9, 9, 9)), ("L", 9, 9)])
def test_a_transparent_colour_becomes_white(mode, colour, key):
    image = Image.new(mode, (20, 20), 200 if mode == "L" else (200, 200, 200))
    image.paste(colour, (0, 0, 10, 20))
    image = read_upright(encoded(image, transparency=key))
    assert image.convert("L").getpixel((3, 3)) == 255
    assert image.convert("L").getpixel((15, 3)) == 200


@pytest.mark.parametrize(
    ("mode", "format", "expected"),
    [
        ("L", "PNG", "L"), ("L", "JPEG", "L"), ("1", "PNG", "L"), ("P", "PNG", "RGB"), ("RGB", "WEBP", "RGB"),
        ("RGB", "BMP", "RGB"), ("RGB", "TIFF", "RGB"), ("F", "TIFF", "L"), ("LAB", "TIFF", "RGB"),
    ],
)  # fmt: skip
def test_every_mode_comes_as_eight_bits(mode, format, expected):
    data = encoded(Image.new(mode, (12, 8), 0), format)
    assert (read_upright(data).mode, read_upright(data).size) == (expected, (12, 8))


def test_only_the_first_frame_of_a_gif():
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    image = read_upright(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image.mode == "RGB"
    assert image.getpixel((4, 4)) == RED


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be so large and has next to no data."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 100)),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        data += (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (b"happy", "cannot be read as an image"),
        (b"<!doctype html><html><img src='x.jpg'></html>", "cannot be read as an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "cannot be read as an image"),
        (encoded(marked(), "JPEG")[:300], "damaged"),
        (encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-900], "damaged"),
        (encoded(Image.effect_noise((64, 64), 90))[:1500], "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (encoded(marked(), "PPM"), "cannot be read as an image"),
        (png_header(60_000, 60_000), "megapixels"),
        (png_header(8_000, 8_000), "8000 x 8000 pixels, more than the 50 megapixels"),
        (png_header(0, 10), "damaged"),
    ],
    ids=["empty", "text", "html", "svg", "cut-jpeg-header", "cut-jpeg", "cut-png", "three-bytes", "ppm", "bomb",
         "64-megapixels", "no-width"],
)  # fmt: skip
def test_what_is_no_photo_is_refused_with_a_sentence(data, message):
    with warnings.catch_warnings(), pytest.raises(AffectoscopeError, match=message):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        read_upright(data)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_extreme_shapes_are_read_and_cropped(size):
    image = read_upright(encoded(Image.new("RGB", size, RED)))
    assert image.size == size
    crop = crop_face(image, None, PreprocessingConfig(colour="rgb"))
    assert (crop == RED).all()


def test_a_huge_thin_image_is_padded_without_gigabytes():
    image = Image.new("L", (20, 2_000_000), 77)  # at full size, padding to a square would take 4 terabytes
    assert np.abs(crop_face(image, None, PreprocessingConfig()).astype(int) - 77).max() <= 1


def test_upright_leaves_a_plain_image_alone():
    image = marked()
    assert np.array_equal(np.asarray(upright(image)), np.asarray(image))


# Crops. Pixel (x, y) of the gradient is 2 x + y (mod 251), so that every pixel tells where it came from.


def gradient(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(((2 * x + y) % 251).astype(np.uint8))


def exact(side: int, margin: float = 0.0, **others) -> PreprocessingConfig:
    """A preprocessing whose crop needs no resizing."""
    return PreprocessingConfig(size=side, margin=margin, **others)


def expected(image: Image.Image, left: int, top: int, side: int) -> np.ndarray:
    """The square, by clamping coordinates, which is what repeating the edge means."""
    pixels = np.asarray(image)
    rows = np.clip(np.arange(top, top + side), 0, image.height - 1)
    columns = np.clip(np.arange(left, left + side), 0, image.width - 1)
    return pixels[np.ix_(rows, columns)][..., None]


@pytest.mark.parametrize(
    ("box", "margin", "left", "top", "side"),
    [
        ((20, 10, 32, 32), 0.0, 20, 10, 32),
        ((20, 10, 20, 32), 0.0, 14, 10, 32),  # narrow: the square is centred on the box
        ((20, 10, 32, 20), 0.0, 20, 4, 32),
        ((30, 20, 20, 20), 0.1, 28, 18, 24),
        ((30, 20, 40, 40), -0.1, 34, 24, 32),
        ((30, 20, 20, 20), 1.0, 10, 0, 60),
        ((-10, 20, 32, 32), 0.0, -10, 20, 32),  # over the left edge
        ((90, 20, 32, 32), 0.0, 90, 20, 32),  # right
        ((40, -12, 32, 32), 0.0, 40, -12, 32),  # top
        ((40, 60, 32, 32), 0.0, 40, 60, 32),  # bottom
        ((-20, -20, 140, 120), 0.0, -20, -30, 140),  # all four
    ],
)
def test_the_crop_is_the_square_around_the_box(box, margin, left, top, side):
    image = gradient(100, 80)
    assert np.array_equal(crop_face(image, box, exact(side, margin)), expected(image, left, top, side))


def test_without_a_box_the_image_is_padded_to_a_square():
    tall = gradient(20, 32)
    assert np.array_equal(crop_face(tall, None, exact(32, margin=0.3)), expected(tall, -6, 0, 32))
    square = gradient(32, 32)
    assert np.array_equal(crop_face(square, None, exact(32, margin=0.3))[..., 0], np.asarray(square))


@pytest.mark.parametrize("box", [(-5.0, 70.0, 900.0, 700.0), (300.0, 200.0, 500.0, 1500.0)])
def test_shrinking_before_padding_changes_the_crop_invisibly(box):
    smooth = Image.fromarray(
        np.add.outer(np.linspace(0, 120, 800), np.linspace(0, 120, 1000)).astype(np.uint8)
    )
    preprocessing = PreprocessingConfig(size=48)
    side = round(max(box[2:]))
    left, top = round(box[0] + box[2] / 2 - side / 2), round(box[1] + box[3] / 2 - side / 2)
    padded = Image.fromarray(expected(smooth, left, top, side)[..., 0])
    slow = np.asarray(padded.resize((48, 48), Image.Resampling.BILINEAR), int)
    assert np.abs(crop_face(smooth, box, preprocessing)[..., 0] - slow).max() <= 3


@pytest.mark.parametrize("box", [(10, 10, 0, 20), (10, 10, 20, -1), (10, 10, float("nan"), 5)])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(AffectoscopeError, match="no area"):
        crop_face(gradient(100, 80), box, exact(32))


@pytest.mark.parametrize(
    "box", [(200, 10, 20, 20), (10, 90, 20, 20), (-50, 10, 20, 20), (0, -40, 30, 30), (0, 0, 9000, 9000)]
)
def test_a_box_outside_the_image_is_refused(box):
    with pytest.raises(AffectoscopeError, match="outside the image"):
        crop_face(gradient(100, 80), box, exact(32))


@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_crop_has_the_contracts_shape(colour, channels, mode):
    crop = crop_face(
        gradient(100, 80).convert(mode), (10, 10, 30, 30), PreprocessingConfig(colour=colour, size=50)
    )
    assert crop.shape == (50, 50, channels)
    assert crop.dtype == np.uint8


def test_grey_is_itu_601_luma():
    crop = crop_face(Image.new("RGB", (40, 40), (200, 100, 50)), None, PreprocessingConfig(size=40))
    assert (crop == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).all()


def test_training_and_live_give_the_same_tensor():
    """A box from an annotation and the same box from the detector, where both margins agree."""
    photo = Image.effect_noise((300, 200), 60).convert("RGB")
    box = (40.3, 30.7, 90.2, 101.9)
    same = PreprocessingConfig(margin=0.07, frame_margin=0.07)
    trained = crop_face(read_upright(encoded(photo)), box, same)
    live = crop_face(upright(photo), box, same, detected=True)
    assert np.array_equal(trained, live)
    other = PreprocessingConfig(margin=0.07, frame_margin=-0.02)
    assert not np.array_equal(trained, crop_face(photo, box, other, detected=True))


@pytest.mark.parametrize(
    "wrong", [{"colour": "blue"}, {"size": 8}, {"size": 513}, {"margin": 1.5}, {"frame_margin": -0.4}]
)
def test_a_contract_out_of_range_is_refused(wrong):
    with pytest.raises(AffectoscopeError, match=next(iter(wrong))):
        PreprocessingConfig(**wrong)


@pytest.mark.parametrize("channels", [1, 3])
def test_webp_thumbnails_can_be_read_again(channels):
    pixels = np.full((48, 48, channels), 120, np.uint8)
    image = read_upright(as_webp(pixels))
    assert image.size == (48, 48)
    assert np.abs(np.asarray(image, int) - 120).max() <= 2


@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.3])
@pytest.mark.parametrize(
    "box",
    [
        (60, 50, 48, 48),  # inside, and with margin 0 copied pixel by pixel
        (37.4, 30.2, 61.3, 90.6),
        (-20, 90, 70, 66),  # over two borders
        (20, 20, 300, 200),  # larger than the photo
    ],
)
def test_a_bright_pixel_is_where_the_mapped_landmark_says(box, margin):
    preprocessing = PreprocessingConfig(size=240, margin=margin)
    geometry = crop_geometry(box, preprocessing)
    for right, below in ((0.35, 0.4), (0.4, 0.65), (0.45, 0.5)):
        x, y = int(box[0] + right * box[2]), int(box[1] + below * box[3])
        photo = np.zeros((160, 160), np.uint8)
        photo[y, x] = 255
        crop = crop_face(Image.fromarray(photo), box, preprocessing)[..., 0].astype(float)
        across, down = geometry.points(np.array([[x, y]]))[0]
        # The pixel has become a blob around its centre of mass.
        rows, columns = np.indices(crop.shape)
        assert (crop * columns).sum() / crop.sum() == pytest.approx(across, abs=0.1)
        assert (crop * rows).sum() / crop.sum() == pytest.approx(down, abs=0.1)


def test_a_box_without_margin_fills_its_crop_and_a_margin_lies_around_it():
    box = (60.0, 50.0, 48.0, 48.0)
    assert crop_geometry(box, PreprocessingConfig(size=96)).box(box) == pytest.approx((0, 0, 96, 96))
    around = crop_geometry(box, PreprocessingConfig(size=96, margin=0.5)).box(box)
    assert around == pytest.approx((24, 24, 48, 48))


def test_without_a_box_the_geometry_needs_the_size_of_the_image():
    preprocessing = PreprocessingConfig(size=48)
    assert crop_geometry(None, preprocessing) is None
    assert crop_geometry(None, preprocessing, image_size=(100, 60)).points([[49.5, 29.5]])[
        0
    ] == pytest.approx((23.5, 23.5))
    with pytest.raises(AffectoscopeError, match="has no area"):
        crop_geometry((0, 0, 0, 5), preprocessing)
