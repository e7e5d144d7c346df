"""Types of option values: how sizes, counts, addresses and the like are written on the command line."""

import math
from typing import Any

import click

from trapline.vm.cli.command_files import STDIO, OutputPath
from trapline.vm.cli.user_errors import fail
from trapline.vm.loader.memory import MAX_MEMORY


class Bytes(click.ParamType):
    """A positive number of bytes with an optional suffix K, M or G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        text = str(value).strip().upper().removesuffix("IB").removesuffix("B")
        shift = {"K": 10, "M": 20, "G": 30}.get(text[-1:], 0)
        number = text[:-1] if shift else text
        if not number.isascii() or not number.isdigit() or len(number) > 20 or not int(number):
            self.fail(f"'{value}' is not a size such as 64M", param, ctx)
        return int(number) << shift


class Size(Bytes):
    """A size of RAM, a multiple of 4096."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        text = str(value).strip().removeprefix("size=")
        if text.isascii() and text.isdigit() and len(text) < 4:
            text += "M"  # As on QEMU, a number alone means MiB; as bytes it would be too small.
        size = super().convert(text, param, ctx)
        if not 4096 <= size <= MAX_MEMORY or size % 4096:
            self.fail(f"{value} is not a multiple of 4K between 4K and 2G", param, ctx)
        return size


class HartCount(click.IntRange):
    """A number of harts, also as QEMU's `-smp` has it: `cpus=4,sockets=1`. What follows the number has no effect."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        if isinstance(value, str):
            value = value.split(",")[0].removeprefix("cpus=")
        return super().convert(value, param, ctx)


class IsaString(click.ParamType):
    """An ISA string, which the machine reads; here only what it leaves out is said."""

    name = "string"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The string as it is, after a warning if it names F or D, as `rv32gc` does."""
        from trapline.isa.isa_string import absent_floats, parse_isa

        text = str(value)
        try:
            parse_isa(text)
        except ValueError:
            return text
        if absent := " and ".join(name.upper() for name in absent_floats(text)):
            message = f"this machine lacks {absent} of '{text}': floating-point instructions are illegal"
            click.echo(f"trapline: warning: {message}", err=True)
        return text


class Count(click.ParamType):
    """A positive whole number, which may be written 10M or 1e6."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        text = str(value).strip().lower().replace("_", "")
        factor = {"k": 10**3, "m": 10**6, "g": 10**9}.get(text[-1:], 1)
        try:
            number = float(text[:-1] if factor > 1 else text) * factor
            count = int(number)
        except (ValueError, OverflowError):
            count, number = 0, 1.0
        if count != number or not 0 < count < 1 << 62:
            self.fail(f"'{value}' is not a positive whole number such as 1000000, 10M or 1e6", param, ctx)
        return count


class SavePlace(str):
    """The name of a file to save a machine to. after: instructions of its run, None for its end."""

    after: int | None = None


class SavePath(OutputPath):
    """`FILE[@N]`. What follows the last @ belongs to the name unless it is a number."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SavePlace:
        """The file's name."""
        path, at, count = str(value).rpartition("@")
        if not at or not path or not count[:1].isdigit():
            place = SavePlace(value)
        else:
            place = SavePlace(path)
            place.after = Count().convert(count, param, ctx)
        if place == STDIO:
            self.fail("a snapshot needs a file's name, not -", param, ctx)
        return place


class Seconds(click.ParamType):
    """A positive number of seconds. Refuses what would never be reached, such as nan."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            self.fail(f"'{value}' is not a positive number of seconds such as 10 or 0.5", param, ctx)
        return seconds


class Address(click.ParamType):
    """An address, decimal or with 0x."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The address in [0, 2^32)."""
        if isinstance(value, int):
            return value
        try:
            number = int(str(value), 0)
        except ValueError:
            number = -1
        if not 0 <= number < 1 << 32:
            self.fail(f"'{value}' is not an address from 0 to 0xffffffff", param, ctx)
        return number


class AddressOrEnd(click.ParamType):
    """A number in [0, 2^32], decimal or 0x hexadecimal; 2^32 is the address after the last."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        try:
            number = int(str(value), 0)
        except ValueError:
            self.fail(f"{value!r} is not a number; write it like 0x80000000", param, ctx)
        if not 0 <= number <= 1 << 32:
            self.fail(f"{value} is not in [0, 0x100000000]", param, ctx)
        return number


class LeakMask(Address):
    """A value of mleak: a bit for each of the eight holes of Xleak."""

    name = "mask"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The mask in [0, 0xff]."""
        mask = super().convert(value, param, ctx)
        if mask > 0xFF:
            self.fail(f"{mask:#x} is not in 0..0xff", param, ctx)
        return mask


class PerGuest(click.ParamType):
    """One value for all guests, or one for each, as in `64M:32M`: a tuple."""

    def __init__(self, each: click.ParamType) -> None:
        self.each = each
        self.name = each.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values."""
        if isinstance(value, tuple):
            return value
        return tuple(self.each.convert(part, param, ctx) for part in str(value).split(":"))


def for_each_guest(option: str, values: tuple[Any, ...], guests: int) -> tuple[Any, ...]:
    """The values of `PerGuest`, one for each. Ends the command when there is another number of them."""
    if len(values) == 1:
        return values * guests
    if len(values) != guests:
        fail(f"{option}: {len(values)} values for {guests} guest{'s' if guests > 1 else ''}")
    return values


class FirstOrLast(click.ParamType):
    """`N`, the first ones, or `last:N`: (number, whether the last)."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, bool]:
        """The pair."""
        if isinstance(value, tuple):
            return value
        text = str(value)
        last = text.startswith("last:")
        return Count().convert(text.removeprefix("last:"), param, ctx), last


class Cycles(click.ParamType):
    """A number of cycles, at least 0."""

    name = "cycles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            cycles = float(value)
        except ValueError:
            cycles = -1.0
        if not 0 <= cycles <= 1e12:
            self.fail(f"'{value}' is not a number of cycles from 0 to 1e12", param, ctx)
        return cycles


class CycleSweep(click.ParamType):
    """Numbers of cycles with commas between them: a tuple, ascending."""

    name = "cycles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        return tuple(sorted({Cycles().convert(part.strip(), param, ctx) for part in str(value).split(",")}))


class PrefixMap(click.ParamType):
    """`OLD=NEW`: the two parts."""

    name = "map"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The pair."""
        if isinstance(value, tuple):
            return value
        old, equals, new = str(value).partition("=")
        if not equals or not old:
            self.fail(f"'{value}' is not OLD=NEW", param, ctx)
        return old, new
