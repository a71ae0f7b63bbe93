"""Faces on disk to packed arrays: tables, images, preprocessing, packs, splits, near-duplicates."""
