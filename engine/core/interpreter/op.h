// One decoded instruction, and the block it stands in.
#pragma once

#include <cstdint>

namespace bancada {

class Interpreter;
struct Op;
struct Block;

// Executes one instruction and goes on to the next. Handlers chain (see NEXT in dispatch.h), so the value
// is only meaningful to the run loop: nullptr means "leave the block".
using Handler = const Op* (*)(Interpreter&, const Op*);

enum OpFlags : uint8_t {
  OP_MEMORY = 1,  // the ModRM operand is memory (mod != 3)
  OP_LOCK = 2,    // LOCK prefix, checked legal by the decoder
  OP_REPNE = 4,   // F2
  OP_REP = 8,     // F3
  OP_ADDRESS32 = 16,
  OP_CODE32 = 32,         // CS.D of the block
  OP_STACK32 = 64,        // SS.B of the block
  OP_OPERAND_SIZE = 128,  // 66 prefix
};

struct Op {
  Handler fn;
  const void* extra;      // free for the handler's group
  uint32_t imm;           // immediate, zero- or sign-extended; relative branches: target minus block EIP
  uint32_t displacement;  // of the memory operand; far pointers: selector; ENTER: level
  uint32_t address_mask;  // 0xFFFF or 0xFFFFFFFF
  uint16_t offset;        // of this instruction from the block's first byte
  uint8_t opcode;         // last opcode byte
  uint8_t modrm;
  uint8_t reg;           // ModRM.reg, or the register in the opcode
  uint8_t rm;            // ModRM.rm when not OP_MEMORY
  uint8_t base, index;   // of the memory operand; NO_REGISTER reads zero
  uint8_t scale;         // shift count of the index
  uint8_t segment;       // SegmentRegister, overrides applied
  uint8_t operand_size;  // 1, 2 or 4 bytes
  uint8_t flags;         // OpFlags
  uint8_t length;        // bytes
  uint8_t position;      // index in the block: instructions retired before this one
  uint8_t map;           // 0 one-byte opcodes, 1 the 0F map, 2 0F 38, 3 0F 3A
};
static_assert(sizeof(Op) <= 48);

}  // namespace bancada
