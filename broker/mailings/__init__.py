"""Creative, proof, frozen recipients."""
