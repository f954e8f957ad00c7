"""What a training is made of: frozen settings of each kind of learner."""
