"""More machines than one: the same commands over a Ray cluster, whose machines share the storage.

Nothing else knows of it but the `--cluster` of the commands. options.py that option; ray_cluster.py the cluster as a
workforce; training.py the epochs of a training over its workers; sweeping.py the trials of a sweep.
"""
