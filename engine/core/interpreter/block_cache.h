// Decoded code by physical address, and who must hear when its bytes change.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "op.h"

namespace bancada {

class Interpreter;
struct Translation;

// Straight-line code up to a control transfer, the end of its page, or MOST_OPS. `ops` ends with one more Op
// that leads on when the last instruction does not. An instruction that lies in two pages is a block of its own.
struct Block {
  static constexpr uint32_t ONE_PAGE = UINT32_MAX;
  uint32_t physical;
  uint32_t second_page;  // where the bytes beyond the first page are, or ONE_PAGE
  uint16_t length;       // bytes
  uint8_t count;         // instructions
  uint8_t mode;          // decode mode: OP_CODE32 and OP_STACK32
  uint8_t capacity;      // instructions there is room for
  bool live;             // false: its bytes changed since; every op is op_refetch
  // The translator's: how often the block was entered, how much longer it waits since its bytes changed before, the
  // handler of the first instruction itself, and the host code, the one entered last first.
  uint8_t back_off;
  bool no_window;  // its accesses go elsewhere
  uint32_t heat;
  Handler first;
  Translation* translation;
  Op* ops;
};

class BlockCache {
 public:
  static constexpr uint32_t MOST_OPS = 32;
  static constexpr size_t ARENA_BYTES = 32u << 20;

  explicit BlockCache(Interpreter& cpu);

  // The block at a physical address, decoded now if need be; only between blocks, since a block whose bytes changed
  // is decoded anew in its old place. nullptr: the first instruction crosses the page, or this is no memory.
  Block* find(uint32_t physical, uint8_t mode);
  // The block of an instruction that goes on at the start of `second_page`. nullptr: these are no such bytes.
  Block* find_across(uint32_t physical, uint32_t second_page, uint8_t mode);
  // Bytes are about to change: blocks that were decoded from them are dropped.
  void bytes_changed(uint32_t physical, uint32_t length);
  // Drops everything when the arena is nearly full; only between blocks. Tells whether it did.
  bool make_room();
  void drop_all();
  // Gives the arena back; a later block takes a new one. Only while no guest code runs.
  void release();
  size_t arena_bytes() const { return arena_ ? ARENA_BYTES : 0; }

 private:
  // What is decoded in one page: the live blocks, and one bit for each byte that one of them may hold. Bits of
  // dropped blocks stay until a store hits one for nothing.
  struct CodePage {
    std::array<uint64_t, 64> code{};
    std::vector<Block*> blocks;
    uint32_t stores_to_none = 0;  // since the last block was dropped
    void mark(uint32_t first, uint32_t length);
    bool is_marked(uint32_t first, uint32_t length) const;
  };
  // A page that lost its last block is watched on for this many stores: code that is patched all the time comes back.
  static constexpr uint32_t STORES_TO_NONE = 64;

  Block* decode(uint32_t physical, uint8_t mode, Block* old);
  Block* decode_across(uint32_t physical, uint32_t second_page, uint8_t mode, Block* old);
  // `ops` with the one that leads on after them; `old`: the place of what was there before.
  Block* store(uint64_t key, uint32_t physical, uint32_t second_page, Op* ops, uint32_t count, uint32_t length,
               Block* old);
  void watch(Block* block, uint32_t physical, uint32_t length);
  CodePage* page_at(uint32_t physical);

  Interpreter& cpu_;
  std::unique_ptr<uint8_t[]> arena_;
  size_t used_ = 0;
  std::unordered_map<uint64_t, Block*> by_address_;
  static constexpr uint32_t RECENT = 1u << 14;
  std::array<Block*, RECENT> recent_{};  // what find() gave last, by address
  std::unordered_map<uint32_t, CodePage> pages_;
  // The page looked up last; nullptr: none.
  uint32_t last_number_ = 0;
  CodePage* last_page_ = nullptr;
};

}  // namespace bancada
