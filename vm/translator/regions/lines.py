"""Lines of a function of LLVM IR, and the guest's registers in it."""


class Lines:
    """lines: what has been written."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self._names = 0

    def let(self, text: str) -> str:
        """A new value."""
        self._names += 1
        self.lines.append(f"  %v{self._names} = {text}")
        return f"%v{self._names}"

    def do(self, text: str) -> None:
        """A line without a value, or a label."""
        self.lines.append(text if text.endswith(":") else f"  {text}")

    def label(self) -> str:
        """A new label."""
        self._names += 1
        return f"l{self._names}"

    def all_of(self, conditions: list[str]) -> str:
        """Whether all of these i1 are true."""
        result = conditions[0]
        for condition in conditions[1:]:
            result = self.let(f"and i1 {result}, {condition}")
        return result

    def register(self, number: int) -> str:
        """What a register holds, as an i32."""
        return self.let(f"load i32, ptr %r{number}") if number else "0"
