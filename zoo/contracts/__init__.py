"""What a learner promises: adapting and predicting, dynamics, proposals."""
