"""LLVM makes an object file of a module of LLVM IR."""

from typing import Any

PORTABLE = ("generic", "")
"""LLVM's name of any processor of the architecture, and what it has beyond that."""
SPEED = 3
"""LLVM's level of optimization."""
INLINED = 60
"""LLVM's measure of the functions that go where they are called. More than these few, and `execute` has too few
registers: with 225, LLVM's own, fib, sieve, matmul and sha256 took 1.0 to 1.4 times as long."""


def keep_branches_whole() -> None:
    """Let no branch cross or end at a multiple of 32 bytes, where processors keep its decoded form badly or not at all.

    `execute` has one branch that all instructions share: with it in the wrong place, the same code took 1.15 to 1.3
    times as long, and each change of the engine moved it. LLVM has this switch for x86 alone, where it is needed.
    """
    from llvmlite import binding

    if binding.get_default_triple().startswith("x86_64"):
        binding.set_option("trapline", "--x86-branches-within-32B-boundaries")


def object_of(text: str, portable: bool = False) -> bytes:
    """The object file of a module. portable: for every processor of this architecture."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    processor = PORTABLE if portable else (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    target = llvm.Target.from_triple(llvm.get_process_triple())
    # Where its sections will be in memory is not known, so nothing in it may have to be near.
    machine = target.create_target_machine(*processor, opt=SPEED, reloc="default", codemodel="jitdefault", jit=True)
    module = llvm.parse_assembly(text)
    module.verify()
    _optimize(llvm, machine, module)
    return machine.emit_object(module)


def _optimize(llvm: Any, machine: Any, module: Any) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=SPEED)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    options.inlining_threshold = INLINED
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
