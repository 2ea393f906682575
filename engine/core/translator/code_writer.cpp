#include "code_writer.h"

namespace bancada {

void CodeWriter::prefixes(int map, uint8_t opcode, int size, int reg, int index, int base, bool byte_registers) {
  if (size == 2) byte(0x66);
  const int rex = (size == 8 ? 8 : 0) | (reg >= 8 ? 4 : 0) | (index >= 8 ? 2 : 0) | (base >= 8 ? 1 : 0);
  // Without a REX prefix numbers 4 to 7 of byte operands would be AH to BH.
  if (rex != 0 || byte_registers) byte(static_cast<uint8_t>(0x40 | rex));
  if (map == 1) byte(0x0F);
  byte(opcode);
}

void CodeWriter::with_register(int map, uint8_t opcode, int size, int reg, int rm) {
  const bool bytes_meant = (reg >= 4 && reg < 8) || (rm >= 4 && rm < 8);
  prefixes(map, opcode, size, reg, 0, rm, bytes_meant);
  byte(static_cast<uint8_t>(0xC0 | (reg & 7) << 3 | (rm & 7)));
}

void CodeWriter::with_memory(int map, uint8_t opcode, int size, int reg, const HostMemory& memory) {
  if (memory.in_window) {
    byte(0x65);  // GS
    byte(0x67);  // address size
  }
  prefixes(map, opcode, size, reg, memory.index == HostMemory::NONE ? 0 : memory.index,
           memory.base == HostMemory::NONE ? 0 : memory.base, reg >= 4 && reg < 8);
  modrm_memory(reg, memory);
}

void CodeWriter::modrm_memory(int reg, const HostMemory& memory) {
  const auto field = static_cast<uint8_t>((reg & 7) << 3);
  const bool has_index = memory.index != HostMemory::NONE;
  const auto sib = static_cast<uint8_t>(memory.scale << 6 | (has_index ? memory.index & 7 : 4) << 3 |
                                        (memory.base == HostMemory::NONE ? 5 : memory.base & 7));
  if (memory.base == HostMemory::NONE) {
    byte(field | 4);
    byte(sib);
    dword(static_cast<uint32_t>(memory.displacement));
    return;
  }
  const bool needs_sib = has_index || (memory.base & 7) == 4;
  const bool none = memory.displacement == 0 && (memory.base & 7) != 5;
  const bool small = memory.displacement >= -128 && memory.displacement <= 127;
  const auto mod = static_cast<uint8_t>(none ? 0x00 : small ? 0x40 : 0x80);
  byte(static_cast<uint8_t>(mod | field | (needs_sib ? 4 : memory.base & 7)));
  if (needs_sib) byte(sib);
  if (none) return;
  if (small)
    byte(static_cast<uint8_t>(memory.displacement));
  else
    dword(static_cast<uint32_t>(memory.displacement));
}

void CodeWriter::move_constant(int to, uint32_t value) {
  if (to >= 8) byte(0x41);
  byte(static_cast<uint8_t>(0xB8 | (to & 7)));
  dword(value);
}

void CodeWriter::move_constant64(int to, uint64_t value) {
  byte(to >= 8 ? 0x49 : 0x48);
  byte(static_cast<uint8_t>(0xB8 | (to & 7)));
  qword(value);
}

// Three-byte VEX, L = 0.
void CodeWriter::vex(int map, int prefix, bool wide, int reg, int second, int rm) {
  byte(0xC4);
  byte(static_cast<uint8_t>((reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | map));
  byte(static_cast<uint8_t>((wide ? 0x80 : 0) | (~second & 15) << 3 | prefix));
}

void CodeWriter::shrx(int to, int from, int count, int size) {
  vex(2, 3, size == 8, to, count, from);
  byte(0xF7);
  byte(static_cast<uint8_t>(0xC0 | (to & 7) << 3 | (from & 7)));
}

void CodeWriter::rorx(int to, int from, uint8_t count) {
  vex(3, 3, false, to, 0, from);
  byte(0xF0);
  byte(static_cast<uint8_t>(0xC0 | (to & 7) << 3 | (from & 7)));
  byte(count);
}

void CodeWriter::pext64(int to, int from, const HostMemory& mask) {
  vex(2, 2, true, to, from, mask.base);
  byte(0xF5);
  modrm_memory(to, mask);
}

uint8_t* CodeWriter::jrcxz() {
  byte(0xE3);
  byte(0);
  return at_ - 1;
}

uint8_t* CodeWriter::jump_short() {
  byte(0xEB);
  byte(0);
  return at_ - 1;
}

uint8_t* CodeWriter::jump_if_short(int condition) {
  byte(static_cast<uint8_t>(0x70 | condition));
  byte(0);
  return at_ - 1;
}

void CodeWriter::land(uint8_t* displacement) {
  *displacement = static_cast<uint8_t>(at_ - (displacement + 1));
}

void CodeWriter::jrcxz_back(const uint8_t* target) {
  byte(0xE3);
  byte(static_cast<uint8_t>(target - (at_ + 1)));
}

uint8_t* CodeWriter::jump(const uint8_t* target) {
  byte(0xE9);
  dword(0);
  if (target != nullptr && !full_) aim(at_ - 4, target);
  return at_ - 4;
}

uint8_t* CodeWriter::jump_if(int condition, const uint8_t* target) {
  byte(0x0F);
  byte(static_cast<uint8_t>(0x80 | condition));
  dword(0);
  if (target != nullptr && !full_) aim(at_ - 4, target);
  return at_ - 4;
}

uint8_t* CodeWriter::call(const uint8_t* target) {
  byte(0xE8);
  dword(0);
  if (target != nullptr && !full_) aim(at_ - 4, target);
  return at_ - 4;
}

void CodeWriter::aim(uint8_t* displacement, const uint8_t* target) {
  const auto distance = static_cast<int32_t>(target - (displacement + 4));
  std::memcpy(displacement, &distance, sizeof distance);
}

const uint8_t* CodeWriter::aimed_at(const uint8_t* displacement) {
  int32_t distance;
  std::memcpy(&distance, displacement, sizeof distance);
  return displacement + 4 + distance;
}

}  // namespace bancada
