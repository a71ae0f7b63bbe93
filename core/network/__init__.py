"""Network: model, augmentation, training, inference and devices."""
