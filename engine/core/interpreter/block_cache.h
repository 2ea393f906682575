// Decoded code by physical address, and who must hear when its bytes change.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "op.h"

namespace bancada {

class Interpreter;

// Straight-line code up to a control transfer, the end of its page, or MOST_OPS. `ops` ends with one more Op
// that leads on when the last instruction does not.
struct Block {
  uint32_t physical;
  uint16_t length;  // bytes
  uint8_t count;    // instructions
  uint8_t mode;     // decode mode: OP_CODE32 and OP_STACK32
  Op* ops;
};

class BlockCache {
 public:
  static constexpr uint32_t MOST_OPS = 32;
  static constexpr size_t ARENA_BYTES = 32u << 20;

  explicit BlockCache(Interpreter& cpu);

  // The block at a physical address, decoded now if need be. nullptr: the first instruction crosses the page.
  Block* find(uint32_t physical, uint8_t mode);
  // Bytes are about to change: blocks that were decoded from them are dropped.
  void bytes_changed(uint32_t physical, uint32_t length);
  // Drops everything when the arena is nearly full; only between blocks. Tells whether it did.
  bool make_room();
  void drop_all();

 private:
  // What is decoded in one page: one bit a byte, and the blocks.
  struct CodePage {
    std::bitset<4096> code;
    std::vector<Block*> blocks;
  };
  Block* decode(uint32_t physical, uint8_t mode);
  void kill(Block& block);

  Interpreter& cpu_;
  std::unique_ptr<uint8_t[]> arena_;
  size_t used_ = 0;
  std::unordered_map<uint64_t, Block*> by_address_;
  std::unordered_map<uint32_t, CodePage> pages_;
};

}  // namespace bancada
