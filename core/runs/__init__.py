"""A run on disk: the only module that knows its files. Whole or absent, versioned, nothing unpickled.

artifacts/<run>/
  run.json             what was trained, on what, how, where; see RUN_KEYS
  model.keras          weights and graph: uint8 faces in, probabilities out
  history.csv          one row per epoch
  predictions.parquet  one row per test face
  scores.json          every headline number with its 95% interval
  faces.parquet        small WebP thumbnails by reference; only where the data may be passed on
  training_sample.parquet  some training faces as the network sees them; older runs have none
  card.md              the model card
  data_summary.parquet how the faces of all splits lie on the plane and how large they are; older runs have none
  outside.parquet      what the network says of scored faces whose label it does not know; where there are any
  leaks.parquet        pairs of a scored face and a near-duplicate in another split; older runs have none
  face_attributes.parquet  size, brightness, sharpness and pose of each scored face; older runs have none
  robustness.json      scores on corrupted faces; only after core.evaluate --corruptions
  detected.json        scores on faces that the detector finds; only after core.evaluate --detect
  label_errors.parquet training faces ranked by how likely their label is wrong; only after core.label_errors
  report.html          everything that is known of the run in one file; only after core.report
  map.parquet          the test faces in two dimensions; made when first asked for
  marks.csv            what a user tagged faces with; the dashboard writes it
  decisions.csv        what a user decided about labels that may be wrong; likewise
  relabelled.csv       the decisions that the run was trained with; only after core.train --relabel
"""
