// Writes host (x86-64) instructions. Only forms that leave the host's flags alone are used for glue, since the guest's
// status flags live there: LEA, MOV, MOVZX, NOT, SHRX, RORX, PEXT and JRCXZ.
//
// Encodings: Intel SDM vol. 2, chapter 2.
#pragma once

#include <cstdint>
#include <cstring>

namespace bancada {

// Host registers by their numbers.
enum HostRegister : uint8_t { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

// [base + index * (1 << scale) + displacement]; either register may be absent. In a window the address is one of 32
// bits, in GS.
struct HostMemory {
  static constexpr int NONE = -1;
  int base = NONE;
  int index = NONE;
  int scale = 0;
  int32_t displacement = 0;
  bool in_window = false;
};

class CodeWriter {
 public:
  CodeWriter(uint8_t* at, uint8_t* end) : at_(at), end_(end) {}
  uint8_t* at() const { return at_; }
  bool full() const { return full_; }

  void byte(uint8_t value) {
    if (at_ < end_)
      *at_++ = value;
    else
      full_ = true;
  }
  void align(uintptr_t to) {
    constexpr uint8_t INT3 = 0xCC;
    while (!full_ && reinterpret_cast<uintptr_t>(at_) % to != 0) byte(INT3);
  }
  void word(uint16_t value) { bytes(&value, sizeof value); }
  void dword(uint32_t value) { bytes(&value, sizeof value); }
  void qword(uint64_t value) { bytes(&value, sizeof value); }

  // The same opcode the guest used: `map` 0 one-byte, 1 the 0F map; `size` 1, 2, 4 or 8 bytes.
  void with_register(int map, uint8_t opcode, int size, int reg, int rm);
  void with_memory(int map, uint8_t opcode, int size, int reg, const HostMemory& memory);

  // -- Glue
  void move(int to, int from) { with_register(0, 0x89, 4, from, to); }
  void move64(int to, int from) { with_register(0, 0x89, 8, from, to); }
  void move_constant(int to, uint32_t value);
  void move_constant64(int to, uint64_t value);
  void load(int to, const HostMemory& from, int size = 4) { with_memory(0, 0x8B, size, to, from); }
  void store(const HostMemory& to, int from, int size = 4) { with_memory(0, 0x89, size, from, to); }
  void load_byte(int to, const HostMemory& from) { with_memory(1, 0xB6, 4, to, from); }
  void lea(int to, const HostMemory& from, int size = 4) { with_memory(0, 0x8D, size, to, from); }
  void zero_extend16(int to, int from) { with_register(1, 0xB7, 4, to, from); }
  // to = from >> (count register, modulo its width)
  void shrx(int to, int from, int count, int size);
  void rorx(int to, int from, uint8_t count);
  // to = the bits of `from` that `mask` has, side by side from bit 0
  void pext64(int to, int from, const HostMemory& mask);

  // -- Jumps. Short ones return where their displacement stands, for `land`.
  uint8_t* jrcxz();
  uint8_t* jump_short();
  uint8_t* jump_if_short(int condition);
  void land(uint8_t* displacement);                        // a short jump ends here
  void jrcxz_back(const uint8_t* target);                  // at most 128 bytes back
  uint8_t* jump(const uint8_t* target = nullptr);          // 32 bits; returns where the displacement stands
  uint8_t* jump_if(int condition, const uint8_t* target);  // 32 bits
  uint8_t* call(const uint8_t* target = nullptr);
  static void aim(uint8_t* displacement, const uint8_t* target);  // sets a 32-bit displacement
  static const uint8_t* aimed_at(const uint8_t* displacement);

 private:
  void bytes(const void* from, size_t count) {
    if (static_cast<size_t>(end_ - at_) < count) {
      full_ = true;
      return;
    }
    std::memcpy(at_, from, count);
    at_ += count;
  }
  void prefixes(int map, uint8_t opcode, int size, int reg, int index, int base, bool byte_registers);
  void modrm_memory(int reg, const HostMemory& memory);
  void vex(int map, int prefix, bool wide, int reg, int second, int rm);  // `rm`: or the base of a memory operand

  uint8_t *at_, *end_;
  bool full_ = false;
};

}  // namespace bancada
