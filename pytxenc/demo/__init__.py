"""Real trained models on real input, their known results beside ours: python -m pytxenc.demo."""
