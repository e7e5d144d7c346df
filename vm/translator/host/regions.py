"""When regions are compiled and where their code goes: the second tier of one machine.

After each slice `look` notes where the hart is. Where it has been found so often that compiling is worth it, the blocks
there become a region (`vm.translator.regions`), which another thread compiles. Its code is put into the arena between
two slices, and the first tier's code at its entries becomes a jump to it. Nothing else knows of it: what drops the
page's translation drops this jump, too. What is executed does not depend on when that happens.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.parcels import LAST_PARCEL
from trapline.vm.core.records import HartRecord
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.translator import context
from trapline.vm.translator.host import region_file
from trapline.vm.translator.host.memory import ALIGNED, Translator
from trapline.vm.translator.host.region_worker import WORKER, Job
from trapline.vm.translator.regions.formation import HOT, Block, Region, Step, blocks_of, form, leaders_with
from trapline.vm.translator.regions.placing import Code, lead, place
from trapline.vm.translator.regions.region_text import CHAIN, COUNTS, EXIT, MAP

LOOKED_UP = 2
"""Samples of a page after which it is looked for on disk."""
FEWEST = 30
"""Samples of a page, at least, before a region is compiled: as many slices of a million steps."""
INSTRUCTIONS = 4
"""Instructions that a region may have for each sample: by then it has gained about as much as LLVM takes."""
MOST_REGIONS = 8
"""Regions of a page that are compiled; each time it takes twice as many samples, so that code which is replaced again
and again costs little."""
MOST_KNOWN = 1000
"""Regions whose code is remembered."""
NOWHERE = -1


class Policy(NamedTuple):
    """When a region is compiled: see the constants. whole: of all blocks of a page, whether they were found or not.

    submit: who compiles it; answers whether it will be.
    """

    looked_up: int = LOOKED_UP
    fewest: int = FEWEST
    instructions: int = INSTRUCTIONS
    most_regions: int = MOST_REGIONS
    whole: bool = False
    submit: Callable[[Job], bool] = WORKER.submit


POLICY = Policy()


class _Page:
    """What is known of a page. samples: by parcel since its last region; wanted: how many before the next."""

    def __init__(self, fewest: int) -> None:
        self._fewest = fewest
        self.regions = 0
        self.begin()

    def begin(self) -> None:
        """Forget the samples."""
        self.samples: dict[int, int] = {}
        self.count = 0
        self.looked_up = False
        self.wanted = self._fewest << self.regions


class _Region:
    """A region whose code is there. start: where it has been put in the arena, NOWHERE if it has to be put there again.

    places: of the first tier's code at its entries, which leads to it; none while that has other instructions.
    """

    def __init__(self, number: int, steps: tuple[Step, ...], code: Code) -> None:
        self.number = number
        self.steps = steps
        self.parcels = {step.parcel for step in steps}
        self.code = code
        self.start = NOWHERE
        self.places: dict[int, int] = {}


class Installed(NamedTuple):
    """A region that is executed.

    parcels: of its instructions, in its page; entries: where in the code it is entered, by the parcel. address: where
    the code is executed.
    """

    parcels: list[int]
    entries: dict[int, int]
    address: int
    code: bytes


class Regions:
    """The second tier of the machine that a translator belongs to. installed: how many regions have been."""

    def __init__(self, translator: Translator, policy: Policy | None = None) -> None:
        self._translator = translator
        self._words = translator.words
        self._policy = policy or POLICY
        self._pages: dict[int, _Page] = {}
        self._jobs: list[tuple[int, Job]] = []
        self._regions: list[_Region] = []
        self._began: dict[int, bytes] = {}  # what blocks began with that lead to a region, by where they are
        self._emitted = self._flushes = 0
        self.installed = 0

    def installed_in(self, number: int) -> list[Installed]:
        """The regions of a page, by its number in RAM, that are executed."""
        base, written = self._words[context.ARENA_BASE], self._translator.arena.written
        return [
            Installed(
                [step.parcel for step in region.steps], dict(region.code.entries), base + region.start,
                bytes(written[region.start : region.start + len(region.code.code)]),
            )
            for region in self._regions
            if region.number == number and region.places and region.start != NOWHERE and self._is_led_to(region)
        ]  # fmt: skip

    def look(self, h: HartRecord) -> None:
        """After a slice of a hart: note where it is, and put in place what has been compiled."""
        if (self._words[context.EMITTED], self._words[context.FLUSHES]) != (self._emitted, self._flushes):
            self._follow()
        if self._jobs and self._jobs[0][1].done:
            number, job = self._jobs.pop(0)
            if job.code is not None:
                self._add(number, job.region.steps, job.code)
        pc = h.pc
        fetch_context = h.fetch_context
        tlb = h.fetch_tlb
        entry = 2 * (((pc >> PAGE_SHIFT) ^ (fetch_context >> PLACE_MODE_SHIFT)) & TLB_MASK)
        if tlb[entry] == (pc & PAGE_BASE) | fetch_context:
            offset = pc + tlb[entry + 1]
            if self._translator.is_translated(number := offset >> PAGE_SHIFT):
                self._note(number, (offset >> 1) & LAST_PARCEL)

    def _note(self, number: int, parcel: int) -> None:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = _Page(self._policy.fewest)
        page.samples[parcel] = page.samples.get(parcel, 0) + 1
        page.count += 1
        if page.count >= self._policy.looked_up and not page.looked_up:
            page.looked_up = True
            self._look_up(number, page)
        elif page.count >= page.wanted and all(number != other for other, _ in self._jobs):
            self._compile(number, page)

    def _blocks(self, number: int, around: Iterable[int] | None = None) -> dict[int, Block]:
        kept, entries = self._translator.kept(number), self._translator.entries(number)
        leaders = [parcel for parcel, address in enumerate(entries.tolist()) if address]
        return blocks_of(kept.tolist(), leaders, self._translator.plan, around)

    def _look_up(self, number: int, page: _Page) -> None:
        """Install what an earlier run has kept for where the hart was found."""
        blocks = self._blocks(number, page.samples)
        found = (blocks[leader] for leader in leaders_with(page.samples, blocks) if leader is not None)
        if self._add_kept(number, found):
            page.begin()
            page.looked_up = True

    def _add_kept(self, number: int, blocks: Iterable[Block], steps: Iterable[Step] = ()) -> bool:
        """Install the first region that is kept for one of these blocks, and has these instructions; whether it has."""
        for block in blocks:
            kept = region_file.read(block)
            if kept is not None and set(steps).issubset(kept[0]) and self._add(number, *kept):
                return True
        return False

    def _compile(self, number: int, page: _Page) -> None:
        page.wanted *= 2
        if not self._policy.whole and any(self._has(region, number, page.samples) for region in self._regions):
            return
        blocks = self._blocks(number)
        region = form(blocks, dict.fromkeys(blocks, 1) if self._policy.whole else page.samples)
        if region is None or page.regions >= self._policy.most_regions or self._is_known(number, region):
            return
        if self._policy.instructions * page.count < region.size:
            page.wanted = region.size // self._policy.instructions
            return
        found = [blocks[leader] for leader in {*leaders_with(page.samples, blocks)} if leader is not None]
        job = Job(region, [block for block in found if region.has(block)])
        if not self._add_kept(number, job.hot, region.steps):
            if not self._policy.submit(job):
                return
            self._jobs.append((number, job))
        page.regions += 1
        page.begin()
        page.looked_up = True

    def _has(self, region: _Region, number: int, samples: Mapping[int, int]) -> bool:
        """Whether nearly all of these samples of a page were in a region."""
        if region.number != number or not region.places:
            return False
        return sum(n for parcel, n in samples.items() if parcel not in region.parcels) < HOT * sum(samples.values())

    def _is_known(self, number: int, region: Region) -> bool:
        steps = set(region.steps)
        return any(steps <= set(known.steps) for known in self._regions if known.number == number and known.places)

    def _add(self, number: int, steps: tuple[Step, ...], code: Code) -> bool:
        """Have a region executed as long as the first tier has its instructions; whether it has."""
        region = _Region(number, steps, code)
        if not self._install(region):
            return False
        self._regions = [*self._regions[-MOST_KNOWN:], region]
        self.installed += 1
        return True

    def _matches(self, region: _Region) -> bool:
        """Whether the page's translation has these instructions, and code where the region is entered."""
        if not self._translator.is_translated(region.number):
            return False
        kept, entries = self._translator.kept(region.number), self._translator.entries(region.number)
        return all(entries[leader] for leader in region.code.entries) and all(
            kept[step.parcel] == step.decoded for step in region.steps
        )

    def _install(self, region: _Region) -> bool:
        """Let the first tier's code go to a region; whether that is possible."""
        region.places = {}
        if not self._matches(region) or (region.start == NOWHERE and not self._place(region)):
            return False
        arena, base = self._translator.arena, self._words[context.ARENA_BASE]
        entries = self._translator.entries(region.number)
        lead(region.code, arena.written, base, region.start, entries, self._began, self._translator.plan)
        region.places = {leader: entries[leader] for leader in region.code.entries}
        return True

    def _place(self, region: _Region) -> bool:
        """Put a region's code into the arena; whether there is room."""
        words = self._words
        start = words[context.ARENA_USED] + -words[context.ARENA_USED] % ALIGNED
        end = start + region.code.size
        if end > words[context.ARENA_SIZE]:
            return False
        addresses = {
            MAP: self._translator.entries_at(region.number), EXIT: words[context.OUT_AT],
            CHAIN: words[context.CHAIN_AT],
            COUNTS: self._translator.address_of_word(context.REGION_STEPS),
        }  # fmt: skip
        place(region.code, self._translator.arena.written, words[context.ARENA_BASE], start, addresses)
        words[context.ARENA_USED] = end
        region.start = start
        return True

    def _follow(self) -> None:
        """Pages have been translated again, and their code does not lead to regions any more."""
        flushed = self._words[context.FLUSHES] != self._flushes
        self._emitted, self._flushes = self._words[context.EMITTED], self._words[context.FLUSHES]
        if flushed:
            self._began.clear()
        for region in self._regions:
            if flushed:
                region.start = NOWHERE
            if not flushed and region.places and self._is_led_to(region):
                continue
            if not self._install(region) and region.number in self._pages:
                self._pages[region.number].begin()

    def _is_led_to(self, region: _Region) -> bool:
        if not self._translator.is_translated(region.number):
            return False
        entries = self._translator.entries(region.number)
        return all(entries[leader] == place for leader, place in region.places.items())
