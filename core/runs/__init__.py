"""Runs and sweeps on disk. A run is written atomically and versioned; nothing is unpickled.

A run of imported predictions (core.import_predictions) has no model.keras, history.csv and training sample.

artifacts/<run>/
  run.json             data, configuration, training and environment; see RUN_KEYS
  model.keras          the network: uint8 faces to probabilities; model.onnx where it was imported as ONNX
  history.csv          one row per epoch; absent where the network was imported
  predictions.parquet  one row per test face
  scores.json          headline metrics with 95% intervals
  faces.parquet        WebP thumbnails by reference; only if the data may be redistributed
  training_sample.parquet  embeddings of some training faces; absent in older runs
  card.md              the model card
  data_summary.parquet valence, arousal and size of the faces of all splits; absent in older runs
  outside.parquet      predictions for scored faces with an out-of-label-set expression, if there are any
  leaks.parquet        pairs of a scored face and a near-duplicate in another split; absent in older runs
  face_attributes.parquet  size, brightness, sharpness, pose and known subject of each scored face; absent in older runs
  votes.parquet        votes of the annotators on the scored faces, where the data has them
  evaluations/         scores on other data; from core.evaluate
  robustness.json      scores on corrupted faces; from core.evaluate --corruptions
  detected.json        scores on detected faces; from core.evaluate --detect
  label_errors.parquet training faces ranked by label quality; from core.label_errors
  report.html          the report; from core.report
  map.parquet          the scored faces in two dimensions; from core.face_map or the dashboard
  marks.csv            tags of faces; from the dashboard
  decisions.csv        decisions on suspected label errors; from the dashboard
  relabelled.csv       the decisions that the run was trained with; from core.train --relabel
"""
