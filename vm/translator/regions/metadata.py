"""What LLVM is told about memory and branches: names of the metadata, and their definitions."""

RARELY, USUALLY, REGISTERS, TLB, RAM, ENTRIES = (f"!{n}" for n in range(1, 7))
METADATA = """\
!0 = !{!"root"}
!1 = !{!"branch_weights", i32 1, i32 2000}
!2 = !{!"branch_weights", i32 2000, i32 1}
!3 = !{!7, !7, i64 0}
!4 = !{!8, !8, i64 0}
!5 = !{!9, !9, i64 0}
!6 = !{!10, !10, i64 0}
!7 = !{!"registers", !0}
!8 = !{!"tlb", !0}
!9 = !{!"ram", !0}
!10 = !{!"entries", !0}
"""
"""Registers of the hart, TLBs, RAM and the translator's own words are never the same memory."""
