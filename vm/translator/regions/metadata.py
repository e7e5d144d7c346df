"""What LLVM is told about memory and branches: names of the metadata, and their definitions."""

RARELY, USUALLY, REGISTERS, TLB, RAM, ENTRIES, SLOTS = (f"!{n}" for n in range(1, 8))
METADATA = """\
!0 = !{!"root"}
!1 = !{!"branch_weights", i32 1, i32 2000}
!2 = !{!"branch_weights", i32 2000, i32 1}
!3 = !{!8, !8, i64 0}
!4 = !{!9, !9, i64 0}
!5 = !{!10, !10, i64 0}
!6 = !{!11, !11, i64 0}
!7 = !{!12, !12, i64 0}
!8 = !{!"registers", !0}
!9 = !{!"tlb", !0}
!10 = !{!"ram", !0}
!11 = !{!"entries", !0}
!12 = !{!"slots", !0}
"""
"""Registers of the hart, TLBs, RAM, the translator's own words and a region's slots are never the same memory."""
