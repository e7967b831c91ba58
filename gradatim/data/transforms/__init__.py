"""Transforms of data: images under torchvision's names, sound under torchaudio's.

`functional` has the image operations as functions.
"""

from gradatim.data.transforms import functional
from gradatim.data.transforms.at_random import (
    ColorJitter,
    RandomAffine,
    RandomApply,
    RandomChoice,
    RandomCrop,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomOrder,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)
from gradatim.data.transforms.audio import (
    MFCC,
    AmplitudeToDB,
    MelScale,
    MelSpectrogram,
    Spectrogram,
)
from gradatim.data.transforms.fixed import (
    CenterCrop,
    Compose,
    ConvertImageDtype,
    FiveCrop,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    TenCrop,
    ToPILImage,
    ToTensor,
)
from gradatim.data.transforms.modes import InterpolationMode

__all__ = [
    "MFCC",
    "AmplitudeToDB",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "FiveCrop",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "MelScale",
    "MelSpectrogram",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "Spectrogram",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
    "functional",
]
