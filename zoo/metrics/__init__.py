"""What is measured: accuracy with intervals, calibration, clusters, F1."""
