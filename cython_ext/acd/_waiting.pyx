"""Waiting calls of one demand in their order: a sorted list in blocks.

Callers come nearly in the order in which they are served, so the first block gives and the
last one of each priority takes, and both stay in the processor's cache however long the line
is. In a heap each call that goes moves others all over memory.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

cdef enum:
    FEW = BLOCK_ROOM / 4       # a block with fewer joins a neighbour
    MERGED = BLOCK_ROOM / 2    # if both together are not more


cdef int line_add(Line* line, Place place, const Call* calls) except -1:
    """Put a call where it belongs."""
    cdef int at, inside
    cdef Block* block
    if line.used == 0:
        _insert_block(line, 0)
    at = _block(line, &place, calls)
    block = line.blocks[line.start + at]
    inside = _inside(block, &place, calls)
    if block.length == BLOCK_ROOM:
        _insert_block(line, at + 1)
        if inside == BLOCK_ROOM:
            # Callers of one priority come at its end: leave the block behind them full.
            at, inside = at + 1, 0
        else:
            _split(line, at)
            if inside > BLOCK_ROOM / 2:
                at, inside = at + 1, inside - BLOCK_ROOM / 2
        block = line.blocks[line.start + at]
    memmove(&block.items[inside + 1], &block.items[inside], (block.length - inside) * sizeof(Place))
    block.items[inside] = place
    block.length += 1
    if inside == 0:
        line.firsts[line.start + at] = place
    return 0


cdef void line_remove(Line* line, Place place, const Call* calls) noexcept:
    """Take out a call that is in the line."""
    cdef int at = _block(line, &place, calls)
    cdef Block* block = line.blocks[line.start + at]
    cdef int inside = _inside(block, &place, calls)
    block.length -= 1
    memmove(&block.items[inside], &block.items[inside + 1], (block.length - inside) * sizeof(Place))
    if block.length == 0:
        _drop_block(line, at)
        return
    if inside == 0:
        line.firsts[line.start + at] = block.items[0]
    if block.length < FEW and not _merge(line, at):
        _merge(line, at - 1)


cdef void line_free(Line* line) noexcept:
    """Give back what the line holds."""
    cdef int at
    for at in range(line.start, line.start + line.used):
        free(line.blocks[at])
    free(line.spare)
    free(line.blocks)
    free(line.firsts)


cdef size_t line_bytes(const Line* line) noexcept nogil:
    """Bytes set aside."""
    cdef int blocks = line.used + (line.spare != NULL)
    return blocks * sizeof(Block) + line.room * (sizeof(Place) + sizeof(Block*))


# Blocks are numbered from the first that is used.


cdef int _block(const Line* line, const Place* place, const Call* calls) noexcept nogil:
    """The last block that begins with this call or one before it; else the first."""
    cdef const Place* firsts = line.firsts + line.start
    cdef int low = 0, high = line.used, middle
    if not call_less(place, &firsts[high - 1], calls):
        return high - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if call_less(place, &firsts[middle], calls):
            high = middle
        else:
            low = middle
    return low


cdef int _inside(const Block* block, const Place* place, const Call* calls) noexcept nogil:
    """How many calls of a block are before this one."""
    cdef int low = 0, high = block.length, middle
    if high == 0 or not call_less(&block.items[0], place, calls):
        return 0
    if call_less(&block.items[high - 1], place, calls):
        return high
    while low < high:
        middle = (low + high) >> 1
        if call_less(&block.items[middle], place, calls):
            low = middle + 1
        else:
            high = middle
    return low


cdef int _insert_block(Line* line, int at) except -1:
    """Make an empty block; where memory is short the line stays as it is."""
    cdef int room
    cdef Block** blocks
    cdef Place* firsts
    if line.spare == NULL:
        line.spare = <Block*>malloc(sizeof(Block))
        if line.spare == NULL:
            raise MemoryError()
    if line.start + line.used == line.room:
        room = max(4, 2 * line.used)
        blocks = <Block**>malloc(room * sizeof(Block*))
        firsts = <Place*>malloc(room * sizeof(Place))
        if blocks == NULL or firsts == NULL:
            free(blocks)
            free(firsts)
            raise MemoryError()
        if line.used:
            memcpy(blocks, line.blocks + line.start, line.used * sizeof(Block*))
            memcpy(firsts, line.firsts + line.start, line.used * sizeof(Place))
        free(line.blocks)
        free(line.firsts)
        line.blocks, line.firsts, line.start, line.room = blocks, firsts, 0, room
    _shift(line, at, at + 1, line.used - at)
    line.spare.length = 0
    line.blocks[line.start + at], line.spare = line.spare, NULL
    line.used += 1
    return 0


cdef void _drop_block(Line* line, int at) noexcept:
    free(line.spare)
    line.spare = line.blocks[line.start + at]
    line.used -= 1
    if at == 0:
        # Where callers go in the order in which they came nothing is moved.
        line.start = line.start + 1 if line.used else 0
    else:
        _shift(line, at + 1, at, line.used - at)


cdef void _shift(Line* line, int source, int target, int count) noexcept nogil:
    cdef Block** blocks = line.blocks + line.start
    cdef Place* firsts = line.firsts + line.start
    if count > 0:
        memmove(blocks + target, blocks + source, count * sizeof(Block*))
        memmove(firsts + target, firsts + source, count * sizeof(Place))


cdef void _split(Line* line, int at) noexcept nogil:
    """Move the second half of a full block to the empty one behind it."""
    cdef Block* block = line.blocks[line.start + at]
    cdef Block* empty = line.blocks[line.start + at + 1]
    block.length = BLOCK_ROOM / 2
    empty.length = BLOCK_ROOM - block.length
    memcpy(empty.items, &block.items[block.length], empty.length * sizeof(Place))
    line.firsts[line.start + at + 1] = empty.items[0]


cdef bint _merge(Line* line, int at) noexcept:
    """Join a block and the one behind it, if there are two and they are small."""
    cdef Block* block
    cdef Block* behind
    if at < 0 or at + 1 >= line.used:
        return False
    block, behind = line.blocks[line.start + at], line.blocks[line.start + at + 1]
    if block.length + behind.length > MERGED:
        return False
    memcpy(&block.items[block.length], behind.items, behind.length * sizeof(Place))
    block.length += behind.length
    _drop_block(line, at + 1)
    return True
