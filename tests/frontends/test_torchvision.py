"""torchvision's names: MNIST and the transforms."""

import numpy as np
import pytest

import gradatim as gd
import gradatim.frontends.torch as torch
from gradatim.frontends.torchvision import datasets, transforms, utils


@pytest.fixture(scope="module")
def digits():
    return datasets.MNIST("data", train=False, download=True)


def test_without_a_transform_a_digit_is_a_picture(digits):
    image, label = digits[0]
    assert image.size == (28, 28) and image.mode == "L" and label == 7
    assert np.array_equal(np.asarray(image), digits.data[0].numpy()) and len(digits) == 10_000


def test_a_batch_made_at_once_is_the_same_as_one_by_one():
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    data = datasets.MNIST("data", train=False, transform=steps)
    (images, labels) = next(iter(torch.utils.data.DataLoader(data, batch_size=5)))
    one_by_one = torch.stack([data[i][0] for i in range(5)])
    assert torch.equal(images, one_by_one) and labels.tolist() == [7, 2, 1, 0, 4]
    expected = (data.data[:5].numpy()[:, None] / np.float32(255) - 0.1307) / 0.3081
    assert np.allclose(images.numpy(), expected, atol=1e-6) and images.dtype is torch.float32


def test_transforms_of_pictures(digits):
    image, _ = digits[0]
    assert transforms.Resize(14)(image).size == (14, 14)
    assert transforms.Resize((10, 20))(image).size == (20, 10)
    assert transforms.CenterCrop(20)(image).size == (20, 20)
    assert transforms.Pad(2)(image).size == (32, 32)
    assert transforms.Grayscale(3)(image).mode == "RGB"
    whole = np.asarray(image)
    flipped = transforms.RandomHorizontalFlip(p=1.0)(image)
    assert np.array_equal(np.asarray(flipped), whole[:, ::-1])
    assert np.array_equal(np.asarray(transforms.CenterCrop(20)(image)), whole[4:24, 4:24])
    assert transforms.RandomRotation((90, 90))(image).size == (28, 28)
    back = transforms.ToPILImage()(transforms.ToTensor()(image))
    assert np.array_equal(np.asarray(back), whole)


def test_a_turn_is_clockwise_and_no_change_is_none(digits):
    image, _ = digits[0]
    whole = np.asarray(image)
    assert np.array_equal(np.asarray(transforms.RandomAffine(0)(image)), whole)
    turned = np.asarray(transforms.RandomAffine((90, 90))(image))
    assert np.array_equal(turned, np.rot90(whole, -1))
    torch.manual_seed(0)
    moved = np.asarray(transforms.RandomAffine(0, translate=(0.2, 0.2))(image))
    assert moved.shape == (28, 28) and not np.array_equal(moved, whole)


def test_pieces_and_holes(digits):
    image, _ = digits[0]
    assert transforms.RandomResizedCrop((10, 12))(image).size == (12, 10)
    holes = transforms.RandomErasing(1.0, scale=(0.1, 0.2))(torch.ones(1, 28, 28)) == 0
    assert 0.05 < holes.float().mean().item() < 0.25
    assert transforms.RandomApply([transforms.Pad(1)], p=1.0)(image).size == (30, 30)
    assert transforms.RandomChoice([transforms.Pad(1)])(image).size == (30, 30)


def test_the_second_version_of_transforms(digits, run):
    program = """
import torch
from torchvision import datasets
from torchvision.transforms import v2
steps = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
image, _ = datasets.MNIST(".", train=False, transform=steps)[0]
print(image.shape, image.dtype, image.max().item())
"""
    assert run(program).out == "torch.Size([1, 28, 28]) torch.float32 1.0\n"


def test_random_ones_draw_from_the_seed(digits):
    image, _ = digits[0]
    crop = transforms.RandomCrop(28, padding=4)
    torch.manual_seed(0)
    first = np.asarray(crop(image))
    torch.manual_seed(0)
    assert np.array_equal(np.asarray(crop(image)), first)
    torch.manual_seed(0)
    top, left = torch.randint(0, 9, (1,)).item(), torch.randint(0, 9, (1,)).item()
    padded = np.pad(np.asarray(image), 4)
    assert np.array_equal(first, padded[top : top + 28, left : left + 28])


def test_transforms_of_tensors():
    x = torch.arange(16.0).reshape(1, 4, 4)
    assert torch.equal(transforms.CenterCrop(2)(x), x[:, 1:3, 1:3])
    assert torch.equal(transforms.RandomVerticalFlip(1.0)(x), x.flip(-2))
    with pytest.raises(TypeError, match=r"put ToTensor\(\) before Normalize"):
        transforms.Normalize([0.5], [0.5])("x")


def test_transforms_are_our_own():
    assert transforms.Compose is gd.data.transforms.Compose
    assert datasets.ImageFolder is gd.data.ImageFolder
    assert transforms.functional.hflip is gd.data.transforms.functional.hflip


def test_a_grid_of_pictures(tmp_path):
    images = torch.ones(5, 1, 4, 4)
    grid = utils.make_grid(images, nrow=3, padding=1)
    assert grid.shape == (3, 11, 16) and grid.sum().item() == 3 * 5 * 16
    utils.save_image(images, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes()[:4] == b"\x89PNG"
