"""The synthetic faces, drawn by this program and written as an AffectNet 2017 tree."""
