"""A client with the verbs of a learner, over gRPC or REST."""
