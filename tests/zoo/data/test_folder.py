"""from_folder: a folder of class folders."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from metazoo.data import from_folder
from metazoo.errors import DataError


def save(path, value, size=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "pets"
    save(folder / "dog" / "b.png", (20, 20, 20))
    save(folder / "dog" / "a.bmp", (10, 10, 10))
    save(folder / "cat" / "1.GIF", (30, 30, 30))
    (folder / "cat" / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    (folder / "readme.md").write_text("no class")
    return folder


def test_from_folder_sorts_classes_and_files_by_name(root):
    data = from_folder(root, split="test")
    assert data.class_names == ("cat", "dog")
    assert data.class_offsets.tolist() == [0, 1, 3]
    assert data.images.shape == (3, 4, 6, 3)
    assert data.images[:, 0, 0, 0].tolist() == [30, 10, 20]
    assert (data.name, data.split) == ("pets", "test")


def test_from_folder_resizes_and_greys(root):
    save(root / "dog" / "c.jpg", (200, 200, 200), size=(50, 40))
    data = from_folder(root, image_size=8, grayscale=True)
    assert data.images.shape == (4, 8, 8, 1)
    assert data.images[3].mean() == pytest.approx(200, abs=2)
    assert from_folder(root, image_size=(3, 5)).image_shape == (3, 5, 3)


def test_from_folder_box_filters_when_it_shrinks(tmp_path):
    pixels = np.zeros((4, 4), np.uint8)
    pixels[0, :2] = 200
    (tmp_path / "x").mkdir()
    Image.fromarray(pixels).save(tmp_path / "x" / "a.png")
    data = from_folder(tmp_path, image_size=2, grayscale=True)
    assert data.images[0, :, :, 0].tolist() == [[100, 0], [0, 0]]


def test_from_folder_lays_transparency_on_white(tmp_path):
    save(tmp_path / "x" / "a.png", (0, 0, 0, 0), mode="RGBA")
    save(tmp_path / "x" / "b.png", (0, 0, 0, 255), mode="RGBA")
    data = from_folder(tmp_path)
    assert data.images[0].min() == 255
    assert data.images[1].max() == 0


def test_from_folder_names_an_unreadable_file(root):
    (root / "cat" / "broken.png").write_bytes(b"\x89PNG but not really")
    with pytest.raises(DataError, match="broken.png can't be read"):
        from_folder(root)


def test_from_folder_names_a_truncated_file(root):
    path = root / "cat" / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="cut.png can't be read"):
        from_folder(root, image_size=4)


def test_from_folder_names_the_file_of_another_size(root):
    save(root / "dog" / "z.png", (1, 1, 1), size=(9, 9))
    with pytest.raises(DataError, match="z.png is 9x9 .* image_size"):
        from_folder(root)


def test_from_folder_refuses_links_that_leave_it(root, tmp_path):
    save(tmp_path / "secret" / "s.png", (1, 2, 3))
    (root / "dog" / "s.png").symlink_to(tmp_path / "secret" / "s.png")
    with pytest.raises(DataError, match="s.png is a link that leaves"):
        from_folder(root)
    (root / "dog" / "s.png").unlink()
    (root / "secret").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="secret is a link that leaves"):
        from_folder(root)


def test_from_folder_allows_links_inside_and_to_the_root(root, tmp_path):
    (root / "cat" / "2.png").symlink_to(root / "dog" / "b.png")
    (tmp_path / "alias").symlink_to(root)
    assert from_folder(tmp_path / "alias").num_examples == 4


def test_from_folder_refuses_what_holds_no_images(tmp_path):
    with pytest.raises(DataError, match="No such folder"):
        from_folder(tmp_path / "gone")
    with pytest.raises(DataError, match="no class folders"):
        from_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no image"):
        from_folder(tmp_path)
    (tmp_path / "empty" / "folder.png").mkdir()
    with pytest.raises(DataError, match="no regular file"):
        from_folder(tmp_path)


def test_from_folder_refuses_a_size_that_is_not_positive(root):
    with pytest.raises(DataError, match="image_size"):
        from_folder(root, image_size=0)
