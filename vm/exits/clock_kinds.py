"""The clocks that a machine can have (`vm.exits.clock`), for those who only name them."""

KINDS = ("instructions", "wall")
