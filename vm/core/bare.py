"""A machine without a hypervisor, in a file that imports nothing: the command line names techniques without numpy."""

BARE = 0
"""`technique` of the machine's record when there is no hypervisor; `vm.hypervisor.technique` has the others."""
