"""What makes the engine's source text and its object file from the declarations."""
