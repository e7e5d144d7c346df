"""The clocks that a machine can have (`vm.exits.clock`), without importing the clock itself."""

KINDS = ("instructions", "wall")
