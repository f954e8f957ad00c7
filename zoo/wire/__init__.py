"""What a signature of an exported model is made of."""
