// MMX and SSE instructions, on the host's own units.
//
// XMM0 to XMM7 and MXCSR are the guest's while translated code uses them, and are put away before anything else runs
// (the trampolines in translator.cpp). They move in only while every SSE exception is masked: then no instruction can
// raise one, and MXCSR gathers the flags. MMX registers are those of the x87, see translate_x87.cpp.
#include "../interpreter/block_cache.h"
#include "../interpreter/interpreter.h"
#include "block_translator.h"

namespace bancada {

namespace {

constexpr uint8_t NONE = 0, WORD = 0x66, SINGLE = 0xF3, DOUBLE = 0xF2;  // mandatory prefixes

struct VectorForm {
  int size = 0;              // bytes of the operand in memory; 0: not here
  bool store = false;        // to rm
  bool aligned = false;      // #GP otherwise
  bool general_reg = false;  // ModRM.reg is a general register
  bool general_rm = false;   // ModRM.rm is
  bool immediate = false;
};

constexpr VectorForm NOT_HERE{};
constexpr VectorForm ALIGNED{.size = 16, .aligned = true};
constexpr VectorForm ALIGNED_STORE{.size = 16, .store = true, .aligned = true};
constexpr VectorForm ALIGNED_IMMEDIATE{.size = 16, .aligned = true, .immediate = true};

// 66-prefixed opcodes from 60 on, where it differs from ALIGNED.
VectorForm integer_form(uint8_t opcode) {
  switch (opcode) {
    case 0x6E:
      return {.size = 4, .general_rm = true};
    case 0x7E:
      return {.size = 4, .store = true, .general_rm = true};
    case 0x7F:
    case 0xE7:  // MOVNTDQ
      return ALIGNED_STORE;
    case 0x70:
    case 0x71:
    case 0x72:
    case 0x73:
      return ALIGNED_IMMEDIATE;
    case 0xC4:  // PINSRW
      return {.size = 2, .general_rm = true, .immediate = true};
    case 0xC5:  // PEXTRW
      return {.size = 2, .general_reg = true, .immediate = true};
    case 0xD6:
      return {.size = 8, .store = true};
    case 0xD7:  // PMOVMSKB
      return {.size = 16, .general_reg = true};
    case 0xF7:  // MASKMOVDQU
      return NOT_HERE;
    default:
      return ALIGNED;
  }
}

VectorForm xmm_form(uint8_t prefix, uint8_t opcode) {
  const bool scalar = prefix == SINGLE || prefix == DOUBLE;
  const int size = prefix == SINGLE ? 4 : prefix == DOUBLE ? 8 : 16;
  switch (opcode) {
    case 0x10:
      return {.size = size};
    case 0x11:
      return {.size = size, .store = true};
    case 0x12:
    case 0x16:
      return prefix == SINGLE ? ALIGNED : VectorForm{.size = 8};
    case 0x13:
    case 0x17:
      return {.size = 8, .store = true};
    case 0x29:
    case 0x2B:  // MOVNTPS, MOVNTPD
      return ALIGNED_STORE;
    case 0x2A:  // the packed forms have an MMX operand; CVTSI2SS, CVTSI2SD
      return scalar ? VectorForm{.size = 4, .general_rm = true} : NOT_HERE;
    case 0x2C:
    case 0x2D:
      return scalar ? VectorForm{.size = size, .general_reg = true} : NOT_HERE;
    case 0x2E:
    case 0x2F:
      return {.size = prefix == NONE ? 4 : 8};
    case 0x50:  // MOVMSKPS, MOVMSKPD
      return {.size = 16, .general_reg = true};
    case 0x5A:
      return prefix == NONE ? VectorForm{.size = 8} : VectorForm{.size = size, .aligned = !scalar};
    case 0x5B:
    case 0x7C:
    case 0x7D:
    case 0xD0:
      return ALIGNED;
    case 0xC2:
      return {.size = size, .aligned = !scalar, .immediate = true};
    case 0xC6:
      return ALIGNED_IMMEDIATE;
    case 0xE6:
      return prefix == SINGLE ? VectorForm{.size = 8} : ALIGNED;
    default:
      break;
  }
  if (opcode < 0x60) return {.size = size, .aligned = !scalar};
  if (prefix == WORD) return integer_form(opcode);
  switch (prefix << 8 | opcode) {
    case 0xF36F:
    case 0xF2F0:  // LDDQU
      return {.size = 16};
    case 0xF37F:
      return {.size = 16, .store = true};
    case 0xF270:
    case 0xF370:
      return ALIGNED_IMMEDIATE;
    case 0xF37E:
      return {.size = 8};
    default:  // MOVQ2DQ, MOVDQ2Q
      return NOT_HERE;
  }
}

VectorForm mmx_form(uint8_t opcode) {
  VectorForm form = integer_form(opcode);
  if (form.size == 16) form.size = 8;
  form.aligned = false;
  return form;
}

}  // namespace

bool BlockTranslator::is_vector(uint8_t opcode) {
  return (opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2F) ||
         (opcode >= 0x50 && opcode <= 0x7F) || opcode == 0xC2 || (opcode >= 0xC4 && opcode <= 0xC6) || opcode >= 0xD0;
}

void BlockTranslator::need_sse() {
  if (sse_is_here_) return;
  code_.load_byte(RCX, place(&cpu_.translator_frame_.sse_away));
  uint8_t* const here = code_.jrcxz();
  code_.call(translator_.bring_sse_code_);
  uint8_t* const came = code_.jrcxz();
  jump_to_slow();
  code_.land(here);
  code_.land(came);
  sse_is_here_ = true;
}

BlockTranslator::Done BlockTranslator::vector(const Op& op) {
  const uint8_t prefix = op.flags & OP_REP            ? SINGLE
                         : op.flags & OP_REPNE        ? DOUBLE
                         : op.flags & OP_OPERAND_SIZE ? WORD
                                                      : NONE;
  const bool mmx = prefix == NONE && op.opcode >= 0x60 && op.opcode != 0xC2 && op.opcode != 0xC6;
  const VectorForm form = mmx ? mmx_form(op.opcode) : xmm_form(prefix, op.opcode);
  const bool memory = op.flags & OP_MEMORY;
  if (form.size == 0 || (memory && !can_address(op, form.store))) return Done::not_here;
  if (mmx)
    need_x87();
  else
    need_sse();
  if (mmx && op.opcode == 0x77) {  // EMMS
    code_.byte(0x0F);
    code_.byte(0x77);
    return Done::yes;
  }
  if (memory) operand(op, form.size, form.store, form.aligned);
  const int number = op.modrm >> 3 & 7;
  const int reg = form.general_reg ? HOST_OF[number] : number;
  if (prefix != NONE) code_.byte(prefix);
  if (memory)
    code_.with_memory(1, op.opcode, 4, reg, operand_);
  else
    code_.with_register(1, op.opcode, 4, reg, form.general_rm ? HOST_OF[op.modrm & 7] : op.modrm & 7);
  // Comparisons: hosts may take the reserved bits for more of them.
  if (form.immediate) code_.byte(static_cast<uint8_t>(op.opcode == 0xC2 ? op.imm & 7 : op.imm));
  return Done::yes;
}

// MOVNTI has to do with no register file.
BlockTranslator::Done BlockTranslator::store_past_caches(const Op& op) {
  if (!can_address(op, true)) return Done::not_here;
  operand(op, 4, true);
  code_.store(operand_, HOST_OF[op.reg]);
  return Done::yes;
}

}  // namespace bancada
