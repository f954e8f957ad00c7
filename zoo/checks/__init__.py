"""What comes in is checked: arrays, texts, options, settings, backbones."""
