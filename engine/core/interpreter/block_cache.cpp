#include "block_cache.h"

#include <cstring>

#include "decoder.h"
#include "dispatch.h"
#include "interpreter.h"

namespace bancada {

namespace {

uint64_t key_of(uint32_t physical, uint8_t mode) {
  return physical | static_cast<uint64_t>(mode) << 32;
}

}  // namespace

BlockCache::BlockCache(Interpreter& cpu) : cpu_(cpu), arena_(new uint8_t[ARENA_BYTES]) {}

Block* BlockCache::find(uint32_t physical, uint8_t mode) {
  const auto found = by_address_.find(key_of(physical, mode));
  return found != by_address_.end() ? found->second : decode(physical, mode);
}

Block* BlockCache::decode(uint32_t physical, uint8_t mode) {
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
  Op& last = ops[count];
  std::memset(&last, 0, sizeof last);
  last.fn = op_continue;
  last.offset = static_cast<uint16_t>(at - start);
  last.position = static_cast<uint8_t>(count);

  auto* block = reinterpret_cast<Block*>(arena_.get() + used_);
  used_ += (sizeof(Block) + (count + 1) * sizeof(Op) + 15) & ~size_t{15};
  block->physical = physical;
  block->length = static_cast<uint16_t>(at - start);
  block->count = static_cast<uint8_t>(count);
  block->mode = mode;
  block->ops = reinterpret_cast<Op*>(block + 1);
  std::memcpy(block->ops, ops, (count + 1) * sizeof(Op));

  by_address_[key_of(physical, mode)] = block;
  CodePage& code = pages_[physical >> 12];
  if (code.blocks.empty()) {
    memory.set_has_code(physical, true);
    cpu_.forget_stores_to(physical);
  }
  code.blocks.push_back(block);
  for (uint32_t i = start; i < at; ++i) code.code.set(i);
  return block;
}

void BlockCache::kill(Block& block) {
  for (uint32_t i = 0; i <= block.count; ++i) block.ops[i].fn = op_refetch;
  by_address_.erase(key_of(block.physical, block.mode));
}

void BlockCache::bytes_changed(uint32_t physical, uint32_t length) {
  const auto found = pages_.find(physical >> 12);
  if (found == pages_.end()) return;
  CodePage& page = found->second;
  const uint32_t first = physical & ~PAGE_MASK;
  bool hit = false;
  for (uint32_t i = first; i < first + length && i < PAGE_SIZE; ++i) hit |= page.code[i];
  if (!hit) return;
  std::vector<Block*> kept;
  page.code.reset();
  for (Block* block : page.blocks) {
    const uint32_t start = block->physical & ~PAGE_MASK;
    if (start < first + length && first < start + block->length) {
      kill(*block);
    } else {
      kept.push_back(block);
      for (uint32_t i = start; i < start + block->length; ++i) page.code.set(i);
    }
  }
  page.blocks = std::move(kept);
  if (page.blocks.empty()) {
    cpu_.memory().set_has_code(physical, false);
    pages_.erase(found);
    // Stores take the fast road again once the TLB entry is made anew.
    cpu_.forget_stores_to(physical);
  }
}

bool BlockCache::make_room() {
  if (used_ < ARENA_BYTES - (MOST_OPS + 2) * sizeof(Op)) return false;
  drop_all();
  return true;
}

void BlockCache::drop_all() {
  for (auto& [number, page] : pages_) {
    for (Block* block : page.blocks) kill(*block);
    cpu_.memory().set_has_code(number << 12, false);
  }
  pages_.clear();
  by_address_.clear();
  used_ = 0;
}

}  // namespace bancada
