"""The embedded server: TensorFlow Serving's wire, in Python."""
