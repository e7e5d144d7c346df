"""The machine as a value: its state taken out, put back, and shared between machines."""
