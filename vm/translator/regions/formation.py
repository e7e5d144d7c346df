"""Which instructions of a page become a region: the blocks that a hart was found in often, and what lies between them.

Blocks are those of the first tier (`vm.translator.emit`): a region is entered where one of them begins, and where it
ends the code of the first tier goes on. Parcels are counted within the page.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from trapline.isa import Kind
from trapline.isa.sv32 import PAGE, PAGE_PARCELS
from trapline.isa.word import HALFWORD
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, REGISTER
from trapline.vm.translator.flow import NOWHERE, after, flow_of, rd_of, target_of
from trapline.vm.translator.layout import BRANCH, DIRECT, INDIRECT, NO_STENCIL, ONWARD

TRANSLATED = (Kind.VALUE, Kind.BRANCH, Kind.JUMP, Kind.LOAD, Kind.STORE)
"""The kinds of instructions that a region has."""
MOST = 1200
"""Instructions of a region, at most: LLVM takes up to half a millisecond for each."""
LINKS = (1, 5)
"""The registers that calls leave their return address in."""
HOT = 0.03
"""The part of a page's samples from which on a block is hot."""


class Step(NamedTuple):
    """A decoded instruction (`vm.core.packed`) and its parcel."""

    parcel: int
    decoded: int


class Block(NamedTuple):
    """Instructions that are executed together. flow: FLOW of the last one; after: the parcel behind it.

    target: the parcel that the last one may jump to, NOWHERE in another page or if it is not known.
    """

    steps: tuple[Step, ...]
    flow: int
    after: int
    target: int

    @property
    def leader(self) -> int:
        """Its first parcel."""
        return self.steps[0].parcel

    @property
    def calls(self) -> bool:
        """Whether it ends in a jump that links, so that control may come back behind it."""
        return self.flow in (DIRECT, INDIRECT) and rd_of(self.steps[-1].decoded) != 0

    @property
    def returns(self) -> bool:
        """Whether it ends in a jump to somewhere that is computed, and does not link."""
        return self.flow == INDIRECT and not self.calls


class Region(NamedTuple):
    """Blocks by their leaders, and the leaders that the first tier's code enters it at."""

    blocks: Mapping[int, Block]
    entries: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its instructions."""
        return sum(len(block.steps) for block in self.blocks.values())

    @property
    def steps(self) -> tuple[Step, ...]:
        """All its instructions, in the order of their parcels."""
        return tuple(sorted(step for block in self.blocks.values() for step in block.steps))

    def has(self, block: Block) -> bool:
        """Whether a block is one of these, or a part of one."""
        return not set(block.steps).difference(self.steps)

    @property
    def return_points(self) -> tuple[int, ...]:
        """Leaders where a called function comes back to."""
        return tuple(sorted(b.after for b in self.blocks.values() if b.calls and b.after in self.blocks))

    @property
    def jump_points(self) -> tuple[int, ...]:
        """Leaders that only a jump can lead to whose target is computed, as by a table."""
        points = self.return_points
        led_to = {leader for block in self.blocks.values() for leader in successors(block, self.blocks, points)}
        return tuple(sorted(set(self.blocks) - led_to))

    def points(self, block: Block) -> tuple[int, ...]:
        """Leaders that the computed jump at a block's end may lead to."""
        if not block.returns:
            return ()
        return self.return_points if is_by_link(block) else self.jump_points


def blocks_of(
    decoded: Sequence[int], leaders: Sequence[int], plan: Sequence[int], around: Iterable[int] | None = None
) -> dict[int, Block]:
    """The blocks of a page. decoded: int64[PAGE_PARCELS]; leaders: where its blocks begin; plan: the stencils'.

    around: instructions; of each only the last block that begins before it is made, which is quicker.
    """
    begins = bytearray(PAGE_PARCELS + 1)
    for leader in leaders:
        begins[leader] = 1
    if around is None:
        wanted: Iterable[int] = leaders
    else:
        places = {bisect_right(leaders, parcel) - 1 for parcel in around}
        wanted = [leaders[place] for place in sorted(places) if place >= 0]
    blocks = {}
    for leader in wanted:
        steps: list[Step] = []
        parcel, flow, target = leader, NO_STENCIL, NOWHERE
        while parcel < PAGE_PARCELS:
            d = decoded[parcel]
            flow = flow_of(d, parcel, plan)
            if flow == NO_STENCIL or (d & OP >= FIRST_OP and instruction_of(d).kind not in TRANSLATED):
                if flow != NO_STENCIL:
                    steps.clear()  # the first tier does all of the block
                flow = NO_STENCIL
                break
            steps.append(Step(parcel, d))
            if flow in (BRANCH, DIRECT):
                target = target_of(d, parcel)
            elif flow == INDIRECT:
                target = _computed_target(steps)
            parcel = after(d, parcel, plan)
            if flow != ONWARD or begins[parcel]:
                break
        if steps:
            blocks[leader] = Block(tuple(steps), flow, parcel, target)
    return blocks


def _computed_target(steps: Sequence[Step]) -> int:
    """Where the jump at the end of these goes, if it is to an address that an auipc right before it has begun."""
    if len(steps) < len(("auipc", "jalr")):
        return NOWHERE
    first, jump = steps[-2:]
    upper = instruction_of(first.decoded) if first.decoded & OP >= FIRST_OP else None
    if upper is None or upper.name != "auipc" or rd_of(first.decoded) != (jump.decoded >> PACKED_RS1) & REGISTER:
        return NOWHERE
    offset = HALFWORD * first.parcel + (first.decoded >> PACKED_IMM) + (jump.decoded >> PACKED_IMM)
    return offset // HALFWORD if 0 <= offset < PAGE else NOWHERE


def successors(block: Block, blocks: Mapping[int, Block], return_points: Iterable[int]) -> set[int]:
    """Leaders in the page that may follow a block; of a call also where it comes back."""
    found = set()
    if block.flow in (ONWARD, BRANCH) or block.calls:
        found.add(block.after)
    if block.target != NOWHERE:
        found.add(block.target)
    elif block.returns:
        found.update(return_points)
    return {leader for leader in found if leader in blocks}


def joined(blocks: Mapping[int, Block]) -> dict[int, Block]:
    """The same with each block that only falls through to the next one made one with it, if nothing else leads there.

    The first tier begins a block also where a sample found the hart, which would be a loop in two pieces, each with a
    look at the steps left. Where jumps are computed, other than returns, any block may be where one leads to.
    """
    if any(block.flow == INDIRECT and block.target == NOWHERE and not is_by_link(block) for block in blocks.values()):
        return dict(blocks)
    points = [b.after for b in blocks.values() if b.calls]
    led_to = {s for b in blocks.values() for s in successors(b, blocks, points) if b.flow != ONWARD or s != b.after}
    result: dict[int, Block] = {}
    last = NOWHERE
    for leader in sorted(blocks):
        block, before = blocks[leader], result.get(last)
        if before is not None and before.flow == ONWARD and before.after == leader and leader not in led_to:
            steps = before.steps + block.steps
            target = _computed_target(steps) if block.flow == INDIRECT else block.target
            result[last] = block._replace(steps=steps, target=target)
        else:
            last = leader
            result[leader] = block
    return result


def is_by_link(block: Block) -> bool:
    """Whether the jump at a block's end goes to where a call has come from."""
    return (block.steps[-1].decoded >> PACKED_RS1) & REGISTER in LINKS


def leaders_with(parcels: Iterable[int], blocks: Mapping[int, Block]) -> list[int | None]:
    """Of each of these instructions, the leader of the block that it is in."""
    leaders = sorted(blocks)
    found: list[int | None] = []
    for parcel in parcels:
        place = bisect_right(leaders, parcel) - 1
        within = place >= 0 and parcel < blocks[leaders[place]].after
        found.append(leaders[place] if within else None)
    return found


def form(blocks: Mapping[int, Block], samples: Mapping[int, int], most: int = MOST) -> Region | None:
    """The region of the blocks that were found often; None if there is none.

    samples: how often each parcel was found.
    """
    blocks = joined(blocks)
    found: dict[int, int] = {}
    for leader, count in zip(leaders_with(samples, blocks), samples.values(), strict=True):
        if leader is not None:
            found[leader] = found.get(leader, 0) + count
    total = sum(found.values())
    hot = sorted((leader for leader in found if found[leader] >= HOT * total), key=lambda leader: -found[leader])
    if not hot:
        return None
    points = [b.after for b in blocks.values() if b.calls]
    after = {leader: successors(block, blocks, points) for leader, block in blocks.items()}
    before: dict[int, set[int]] = {leader: set() for leader in blocks}
    for leader, next_ones in after.items():
        for follower in next_ones:
            before[follower].add(leader)
    between = _reached(hot, after) & _reached(hot, before)
    chosen: dict[int, Block] = {}
    size = 0
    for leader in [*hot, *_nearest(hot, after, between)]:
        length = len(blocks[leader].steps)
        if leader not in chosen and size + length <= most:
            chosen[leader] = blocks[leader]
            size += length
    if not chosen:
        return None
    return Region(chosen, _entries(chosen, before))


def _reached(start: Iterable[int], edges: Mapping[int, set[int]]) -> set[int]:
    seen, work = set(start), list(start)
    while work:
        for leader in edges[work.pop()]:
            if leader not in seen:
                seen.add(leader)
                work.append(leader)
    return seen


def _nearest(start: Sequence[int], edges: Mapping[int, set[int]], within: set[int]) -> list[int]:
    """What is reached, by the number of jumps to it."""
    order = list(start)
    seen = set(order)
    for leader in order:
        for follower in sorted(edges[leader]):
            if follower in within and follower not in seen:
                seen.add(follower)
                order.append(follower)
    return order


def _entries(blocks: Mapping[int, Block], before: Mapping[int, set[int]]) -> tuple[int, ...]:
    """Where the first tier's code goes over to a region.

    That is at loops' heads, where functions begin, where those outside come back to, and where nothing of the region
    leads to. Each is a place to which LLVM hands all registers.
    """
    called = {b.target for b in blocks.values() if b.calls}
    points = {b.after for b in blocks.values() if b.calls and b.target not in blocks}
    result = []
    for leader in blocks:
        inside = [b for b in before[leader] if b in blocks]
        back = [b for b in inside if not blocks[b].returns]
        if leader in called or leader in points or not inside or max(back, default=-1) >= leader:
            result.append(leader)
    return tuple(sorted(result))
