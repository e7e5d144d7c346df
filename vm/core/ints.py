"""Integer conversions of the engine's functions, as plain Python has them: none.

The compiled engine redefines these names (`vm.codegen.engine_text`): there a conversion chooses the machine type, and
an unsigned index spares the test for a negative one.
"""

I64 = U64 = U32 = U16 = U8 = int
