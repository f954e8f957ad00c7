"""The paper's claims about GMM-VAE, one module each."""
