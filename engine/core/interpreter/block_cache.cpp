#include "block_cache.h"

#include <algorithm>
#include <cstring>

#include "../translator/translator.h"
#include "decoder.h"
#include "dispatch.h"
#include "interpreter.h"

namespace bancada {

namespace {

uint64_t key_of(uint32_t physical, uint32_t second_page, uint8_t mode) {
  // Page 0 could be a second page, too.
  const uint64_t second = second_page == Block::ONE_PAGE ? 0 : (second_page >> 12) + uint64_t{1};
  return physical | static_cast<uint64_t>(mode) << 32 | second << 40;
}

uint32_t bytes_in_first_page(const Block& block) {
  return std::min<uint32_t>(block.length, PAGE_SIZE - (block.physical & ~PAGE_MASK));
}

struct Part {
  uint32_t start, bytes;
};

// What of a block lies in a page.
Part part_in(const Block& block, uint32_t number) {
  const uint32_t first = bytes_in_first_page(block);
  if (block.physical >> 12 == number) return {block.physical & ~PAGE_MASK, first};
  return {0, block.length - first};
}

// Calls `visit(word, mask)` for the words of a page's map that hold bytes [first, first + length).
template <typename Visit>
bool any_word(uint32_t first, uint32_t length, Visit visit) {
  const uint32_t end = std::min(first + length, PAGE_SIZE);
  while (first < end) {
    const uint32_t bit = first % 64;
    const uint32_t bits = std::min(64 - bit, end - first);
    const uint64_t mask = (bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1) << bit;
    if (visit(first / 64, mask)) return true;
    first += bits;
  }
  return false;
}

}  // namespace

void BlockCache::CodePage::mark(uint32_t first, uint32_t length) {
  any_word(first, length, [this](uint32_t word, uint64_t mask) {
    code[word] |= mask;
    return false;
  });
}

bool BlockCache::CodePage::is_marked(uint32_t first, uint32_t length) const {
  return any_word(first, length, [this](uint32_t word, uint64_t mask) { return (code[word] & mask) != 0; });
}

BlockCache::BlockCache(Interpreter& cpu) : cpu_(cpu) {}

Block* BlockCache::find(uint32_t physical, uint8_t mode) {
  Block*& recent = recent_[(physical ^ physical >> 14) % RECENT];
  if (recent != nullptr && recent->live && recent->physical == physical && recent->mode == mode) return recent;
  const auto found = by_address_.find(key_of(physical, Block::ONE_PAGE, mode));
  if (found == by_address_.end()) return recent = decode(physical, mode, nullptr);
  return recent = found->second->live ? found->second : decode(physical, mode, found->second);
}

Block* BlockCache::decode(uint32_t physical, uint8_t mode, Block* old) {
  PhysicalMemory& memory = cpu_.memory();
  if (!(memory.flags(physical) & PAGE_READ)) return nullptr;
  const uint8_t* page = memory.host_page(physical);
  const uint32_t start = physical & ~PAGE_MASK;
  Op ops[MOST_OPS + 1];
  uint32_t at = start, count = 0;
  bool ended = false;
  while (count < MOST_OPS && !ended) {
    Op& op = ops[count];
    const DecodeResult result = decode_instruction(page + at, PAGE_SIZE - at, mode, cpu_.model_, op);
    if (result == DecodeResult::needs_more) break;
    op.offset = static_cast<uint16_t>(at - start);
    op.position = static_cast<uint8_t>(count);
    if (op.map & RELATIVE_BRANCH) op.imm += op.offset + op.length;
    at += op.length;
    ++count;
    ended = result == DecodeResult::ends_block;
  }
  if (count == 0) return nullptr;
  return store(key_of(physical, Block::ONE_PAGE, mode), physical, Block::ONE_PAGE, ops, count, at - start, old);
}

Block* BlockCache::find_across(uint32_t physical, uint32_t second_page, uint8_t mode) {
  const auto found = by_address_.find(key_of(physical, second_page, mode));
  Block* const block = found == by_address_.end() ? nullptr : found->second;
  return block != nullptr && block->live ? block : decode_across(physical, second_page, mode, block);
}

Block* BlockCache::decode_across(uint32_t physical, uint32_t second_page, uint8_t mode, Block* old) {
  PhysicalMemory& memory = cpu_.memory();
  if (!(memory.flags(physical) & PAGE_READ) || !(memory.flags(second_page) & PAGE_READ)) return nullptr;
  uint8_t bytes[LONGEST_INSTRUCTION];
  const uint32_t start = physical & ~PAGE_MASK, first = PAGE_SIZE - start;
  // A page that goes on in itself is not watched twice.
  if (first >= LONGEST_INSTRUCTION || physical >> 12 == second_page >> 12) return nullptr;
  std::memcpy(bytes, memory.host_page(physical) + start, first);
  std::memcpy(bytes + first, memory.host_page(second_page), LONGEST_INSTRUCTION - first);
  Op ops[2];
  if (decode_instruction(bytes, sizeof bytes, mode, cpu_.model_, ops[0]) == DecodeResult::needs_more) return nullptr;
  ops[0].offset = 0;
  ops[0].position = 0;
  if (ops[0].map & RELATIVE_BRANCH) ops[0].imm += ops[0].length;
  return store(key_of(physical, second_page, mode), physical, second_page, ops, 1, ops[0].length, old);
}

Block* BlockCache::store(uint64_t key, uint32_t physical, uint32_t second_page, Op* ops, uint32_t count,
                         uint32_t length, Block* old) {
  Op& last = ops[count];
  std::memset(&last, 0, sizeof last);
  last.fn = op_continue;
  last.offset = static_cast<uint16_t>(length);
  last.position = static_cast<uint8_t>(count);

  Block* block = old;
  if (block == nullptr || block->capacity < count) {
    if (!arena_) arena_.reset(new uint8_t[ARENA_BYTES]);
    block = reinterpret_cast<Block*>(arena_.get() + used_);
    used_ += (sizeof(Block) + (count + 1) * sizeof(Op) + 15) & ~size_t{15};
    block->capacity = static_cast<uint8_t>(count);
    block->ops = reinterpret_cast<Op*>(block + 1);
    block->back_off = 0;
    block->no_window = false;
    block->heat = 0;
    block->first = nullptr;
    block->translation = nullptr;
    by_address_[key] = block;
  }
  block->physical = physical;
  block->second_page = second_page;
  block->length = static_cast<uint16_t>(length);
  block->count = static_cast<uint8_t>(count);
  block->mode = static_cast<uint8_t>(key >> 32);
  block->live = true;
  std::memcpy(block->ops, ops, (count + 1) * sizeof(Op));

  if (cpu_.translator()) cpu_.translator()->block_decoded(block);
  const uint32_t first = bytes_in_first_page(*block);
  watch(block, physical, first);
  if (second_page != Block::ONE_PAGE) watch(block, second_page, length - first);
  return block;
}

void BlockCache::watch(Block* block, uint32_t physical, uint32_t length) {
  CodePage* code = page_at(physical);
  if (code == nullptr) {
    last_number_ = physical >> 12;
    code = last_page_ = &pages_[last_number_];
    cpu_.memory().set_has_code(physical, true);
    cpu_.forget_stores_to(physical);
  }
  code->blocks.push_back(block);
  code->mark(physical & ~PAGE_MASK, length);
}

BlockCache::CodePage* BlockCache::page_at(uint32_t physical) {
  const uint32_t number = physical >> 12;
  if (last_page_ != nullptr && last_number_ == number) return last_page_;
  const auto found = pages_.find(number);
  if (found == pages_.end()) return nullptr;
  last_number_ = number;
  return last_page_ = &found->second;
}

void BlockCache::bytes_changed(uint32_t physical, uint32_t length) {
  CodePage* const found = page_at(physical);
  if (found == nullptr) return;
  CodePage& page = *found;
  const uint32_t first = physical & ~PAGE_MASK;
  if (page.blocks.empty()) {
    if (++page.stores_to_none < STORES_TO_NONE) return;
    pages_.erase(physical >> 12);
    last_page_ = nullptr;
    cpu_.memory().set_has_code(physical, false);
    // Stores take the fast road again once the TLB entry is made anew.
    cpu_.forget_stores_to(physical);
    return;
  }
  if (!page.is_marked(first, length)) return;
  const uint32_t number = physical >> 12;
  bool hit = false;
  std::erase_if(page.blocks, [&](Block* block) {
    const auto [start, bytes] = part_in(*block, number);
    if (start >= first + length || first >= start + bytes) return false;
    for (uint32_t i = 0; i <= block->count; ++i) block->ops[i].fn = op_refetch;
    block->live = false;
    if (cpu_.translator()) cpu_.translator()->block_dropped(block);
    if (block->second_page != Block::ONE_PAGE) {
      const uint32_t other = (block->physical >> 12) == number ? block->second_page >> 12 : block->physical >> 12;
      if (const auto entry = pages_.find(other); entry != pages_.end()) {
        std::erase(entry->second.blocks, block);
      }
    }
    return hit = true;
  });
  page.stores_to_none = 0;
  if (hit) {
    ++cpu_.code_drops_;
    return;
  }
  page.code = {};
  for (const Block* block : page.blocks) {
    const auto [start, bytes] = part_in(*block, number);
    page.mark(start, bytes);
  }
}

bool BlockCache::make_room() {
  if (used_ < ARENA_BYTES - (MOST_OPS + 2) * sizeof(Op)) return false;
  drop_all();
  return true;
}

void BlockCache::drop_all() {
  cpu_.forget_address_spaces();
  if (cpu_.translator()) cpu_.translator()->all_blocks_dropped();
  for (auto& [number, page] : pages_) {
    for (Block* block : page.blocks) {
      for (uint32_t i = 0; i <= block->count; ++i) block->ops[i].fn = op_refetch;
    }
    cpu_.memory().set_has_code(number << 12, false);
  }
  pages_.clear();
  last_page_ = nullptr;
  by_address_.clear();
  recent_.fill(nullptr);
  used_ = 0;
}

void BlockCache::release() {
  drop_all();
  arena_.reset();
}

}  // namespace bancada
