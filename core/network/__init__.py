"""The network: model, augmentation, training, inference, devices."""
