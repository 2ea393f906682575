#include "decoder.h"

#include <cstring>

#include "../cpu_state.h"
#include "decode_groups.h"
#include "dispatch.h"

namespace bancada {

namespace {

// What follows an opcode byte.
enum Form : uint8_t {
  NONE,
  MODRM,
  IMM8,   // zero-extended
  IMM8S,  // sign-extended
  IMM16,
  IMMV,  // by operand size
  MODRM_IMM8,
  MODRM_IMM8S,
  MODRM_IMMV,
  REL8,
  RELV,
  OFFSET,  // moffs, by address size
  FAR,     // offset by operand size, selector
  ENTER,   // imm16, imm8
};

Form one_byte_form(uint8_t opcode) {
  if (opcode < 0x40) {
    switch (opcode & 7) {
      case 0:
      case 1:
      case 2:
      case 3:
        return MODRM;
      case 4:
        return IMM8;
      case 5:
        return IMMV;
      default:
        return NONE;
    }
  }
  if (opcode >= 0x70 && opcode <= 0x7F) return REL8;
  if (opcode >= 0x84 && opcode <= 0x8F) return MODRM;
  if (opcode >= 0xA0 && opcode <= 0xA3) return OFFSET;
  if (opcode >= 0xB0 && opcode <= 0xB7) return IMM8;
  if (opcode >= 0xB8 && opcode <= 0xBF) return IMMV;
  if (opcode >= 0xD0 && opcode <= 0xD3) return MODRM;
  if (opcode >= 0xD8 && opcode <= 0xDF) return MODRM;
  switch (opcode) {
    case 0x62:
    case 0x63:
    case 0xC4:
    case 0xC5:
    case 0xF6:
    case 0xF7:
    case 0xFE:
    case 0xFF:
      return MODRM;
    case 0x68:
    case 0xA9:
      return IMMV;
    case 0x6A:
      return IMM8S;
    case 0x69:
    case 0x81:
    case 0xC7:
      return MODRM_IMMV;
    case 0x6B:
    case 0x83:
      return MODRM_IMM8S;
    case 0x80:
    case 0x82:
    case 0xC0:
    case 0xC1:
    case 0xC6:
      return MODRM_IMM8;
    case 0x9A:
    case 0xEA:
      return FAR;
    case 0xA8:
    case 0xCD:
    case 0xD4:
    case 0xD5:
    case 0xE4:
    case 0xE5:
    case 0xE6:
    case 0xE7:
      return IMM8;
    case 0xC2:
    case 0xCA:
      return IMM16;
    case 0xC8:
      return ENTER;
    case 0xE0:
    case 0xE1:
    case 0xE2:
    case 0xE3:
    case 0xEB:
      return REL8;
    case 0xE8:
    case 0xE9:
      return RELV;
    default:
      return NONE;
  }
}

Form two_byte_form(uint8_t opcode) {
  if (opcode >= 0x80 && opcode <= 0x8F) return RELV;
  if (opcode >= 0xC8 && opcode <= 0xCF) return NONE;
  if (opcode >= 0x30 && opcode <= 0x3F) return NONE;
  switch (opcode) {
    case 0x05:
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0B:
    case 0x0E:
    case 0x77:
    case 0xA0:
    case 0xA1:
    case 0xA2:
    case 0xA8:
    case 0xA9:
    case 0xAA:
      return NONE;
    case 0x70:
    case 0x71:
    case 0x72:
    case 0x73:
    case 0xA4:
    case 0xAC:
    case 0xBA:
    case 0xC2:
    case 0xC4:
    case 0xC5:
    case 0xC6:
      return MODRM_IMM8;
    default:
      return MODRM;
  }
}

// Byte operands: opcodes whose bit 0 tells byte from word, with bit 0 clear.
bool is_byte_operand(uint8_t opcode, bool two_byte) {
  if (two_byte) {
    return (opcode >= 0x90 && opcode <= 0x9F) || opcode == 0xB0 || opcode == 0xC0;
  }
  if (opcode < 0x40) return !(opcode & 1) && (opcode & 7) < 6;
  if (opcode >= 0xB0 && opcode <= 0xB7) return true;
  switch (opcode) {
    case 0x6C:
    case 0x6E:
    case 0x80:
    case 0x82:
    case 0x84:
    case 0x86:
    case 0x88:
    case 0x8A:
    case 0xA0:
    case 0xA2:
    case 0xA4:
    case 0xA6:
    case 0xA8:
    case 0xAA:
    case 0xAC:
    case 0xAE:
    case 0xC0:
    case 0xC6:
    case 0xD0:
    case 0xD2:
    case 0xE4:
    case 0xE6:
    case 0xEC:
    case 0xEE:
    case 0xF6:
    case 0xFE:
      return true;
    default:
      return false;
  }
}

// LOCK is legal on these, with a memory destination only (SDM vol. 2, LOCK).
bool may_lock(const Op& op, bool two_byte) {
  if (!(op.flags & OP_MEMORY)) return false;
  const int extension = op.modrm >> 3 & 7;
  if (two_byte) {
    switch (op.opcode) {
      case 0xAB:
      case 0xB3:
      case 0xBB:
      case 0xB0:
      case 0xB1:
      case 0xC0:
      case 0xC1:
        return true;
      case 0xBA:
        return extension >= 5;
      case 0xC7:
        return extension == 1;
      default:
        return false;
    }
  }
  if (op.opcode < 0x38) return (op.opcode & 7) < 2;
  switch (op.opcode) {
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
      return extension != 7;
    case 0x86:
    case 0x87:
      return true;
    case 0xF6:
    case 0xF7:
      return extension == 2 || extension == 3;
    case 0xFE:
    case 0xFF:
      return extension < 2;
    default:
      return false;
  }
}

// Reads bytes of one instruction; past the end of what there is, `short_` is set and zeros come.
class Bytes {
 public:
  Bytes(const uint8_t* bytes, uint32_t available) : bytes_(bytes), available_(available) {}
  uint32_t take(uint32_t size) {
    uint32_t value = 0;
    if (at_ + size > available_)
      missing_ = true;
    else
      std::memcpy(&value, bytes_ + at_, size);
    at_ += size;
    return value;
  }
  uint32_t taken() const { return at_; }
  bool missing() const { return missing_; }

 private:
  const uint8_t* bytes_;
  uint32_t available_, at_ = 0;
  bool missing_ = false;
};

uint32_t sign_extend(uint32_t value, uint32_t size) {
  if (size == 1) return static_cast<uint32_t>(static_cast<int8_t>(value));
  if (size == 2) return static_cast<uint32_t>(static_cast<int16_t>(value));
  return value;
}

// ModRM, SIB and displacement (SDM vol. 2, 2.1.5).
void decode_modrm(Bytes& bytes, Op& op, int segment_override) {
  op.modrm = static_cast<uint8_t>(bytes.take(1));
  const uint32_t mod = op.modrm >> 6, rm = op.modrm & 7;
  op.reg = op.modrm >> 3 & 7;
  op.rm = static_cast<uint8_t>(rm);
  uint8_t segment = DS;
  if (mod == 3) return;
  op.flags |= OP_MEMORY;
  if (op.flags & OP_ADDRESS32) {
    op.base = static_cast<uint8_t>(rm);
    if (rm == 4) {
      const uint32_t sib = bytes.take(1);
      op.base = sib & 7;
      op.scale = static_cast<uint8_t>(sib >> 6);
      op.index = (sib >> 3 & 7) == 4 ? static_cast<uint8_t>(NO_REGISTER) : static_cast<uint8_t>(sib >> 3 & 7);
    }
    if (op.base == EBP && mod == 0) {
      op.base = NO_REGISTER;
      op.displacement = bytes.take(4);
    } else {
      if (op.base == ESP || op.base == EBP) segment = SS;
      if (mod == 1) op.displacement = sign_extend(bytes.take(1), 1);
      if (mod == 2) op.displacement = bytes.take(4);
    }
  } else {
    static constexpr uint8_t BASE[8] = {EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX};
    static constexpr uint8_t INDEX[8] = {ESI, EDI, ESI, EDI, NO_REGISTER, NO_REGISTER, NO_REGISTER, NO_REGISTER};
    if (mod == 0 && rm == 6) {
      op.displacement = bytes.take(2);
    } else {
      op.base = BASE[rm];
      op.index = INDEX[rm];
      if (op.base == EBP) segment = SS;
      if (mod == 1) op.displacement = sign_extend(bytes.take(1), 1);
      if (mod == 2) op.displacement = bytes.take(2);
    }
  }
  op.segment = segment_override >= 0 ? static_cast<uint8_t>(segment_override) : segment;
}

struct Choice {
  Handler handler;
  bool ends_block;
};

Choice one_byte_choice(Op& op) {
  const uint8_t opcode = op.opcode;
  const int extension = op.modrm >> 3 & 7;
  if (opcode < 0x40 && (opcode & 7) < 6) {
    const int low = opcode & 7;
    return {arithmetic_handler(op, opcode >> 3 & 7, low < 2 ? 0 : low < 4 ? 1 : 2), false};
  }
  if (opcode >= 0x40 && opcode <= 0x4F) return {unary_handler(op), false};
  if (opcode >= 0x50 && opcode <= 0x61) return {stack_handler(op), false};
  if (opcode >= 0x70 && opcode <= 0x7F) return {control_handler(op), true};
  if (opcode >= 0xB0 && opcode <= 0xBF) return {move_handler(op), false};
  if (opcode >= 0xD8 && opcode <= 0xDF) return {x87_handler(op), false};
  switch (opcode) {
    case 0x27:
    case 0x2F:
    case 0x37:
    case 0x3F:
    case 0x62:
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xF5:
    case 0xF8:
    case 0xF9:
    case 0xFC:
    case 0xFD:
      return {misc_handler(op), false};
    case 0x68:
    case 0x6A:
    case 0xC8:
    case 0xC9:
      return {stack_handler(op), false};
    case 0x8F:
      return {extension == 0 ? stack_handler(op) : nullptr, false};
    case 0x69:
    case 0x6B:
      return {two_byte_integer_handler(op), false};
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
      return {arithmetic_handler(op, extension, 2), false};
    case 0x84:
    case 0x85:
    case 0xA8:
    case 0xA9:
    case 0xF6:
    case 0xF7:
      return {unary_handler(op), false};
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
    case 0x8A:
    case 0x8B:
    case 0x8D:
    case 0x90:
    case 0x91:
    case 0x92:
    case 0x93:
    case 0x94:
    case 0x95:
    case 0x96:
    case 0x97:
    case 0x98:
    case 0x99:
    case 0x9E:
    case 0x9F:
    case 0xA0:
    case 0xA1:
    case 0xA2:
    case 0xA3:
    case 0xD7:
      return {move_handler(op), false};
    case 0xC6:
    case 0xC7:
      return {extension == 0 ? move_handler(op) : nullptr, false};
    case 0x6C:
    case 0x6D:
    case 0x6E:
    case 0x6F:
      return {string_handler(op), true};
    case 0xA4:
    case 0xA5:
    case 0xA6:
    case 0xA7:
    case 0xAA:
    case 0xAB:
    case 0xAC:
    case 0xAD:
    case 0xAE:
    case 0xAF:
      return {string_handler(op), false};
    case 0xC0:
    case 0xC1:
      return {shift_handler(op, 1), false};
    case 0xD0:
    case 0xD1:
      return {shift_handler(op, 0), false};
    case 0xD2:
    case 0xD3:
      return {shift_handler(op, 2), false};
    case 0x9B:
      return {x87_handler(op), false};
    case 0xC2:
    case 0xC3:
    case 0xE0:
    case 0xE1:
    case 0xE2:
    case 0xE3:
    case 0xE8:
    case 0xE9:
    case 0xEB:
      return {control_handler(op), true};
    case 0xE4:
    case 0xE5:
    case 0xE6:
    case 0xE7:
    case 0xEC:
    case 0xED:
    case 0xEE:
    case 0xEF:
      return {port_handler(op), true};
    case 0xFE:
      return {extension < 2 ? unary_handler(op) : nullptr, false};
    case 0xFF:
      if (extension < 2) return {unary_handler(op), false};
      if (extension == 2 || extension == 4) return {control_handler(op), true};
      if (extension == 6) return {stack_handler(op), false};
      return {extension == 7 ? nullptr : segment_handler(op, false), true};
    case 0x06:
    case 0x0E:
    case 0x16:
    case 0x1E:
    case 0x8C:
      return {segment_handler(op, false), true};
    case 0x07:
    case 0x17:
    case 0x1F:
    case 0x8E:
    case 0xC4:
    case 0xC5:
    case 0x9A:
    case 0xEA:
    case 0xCA:
    case 0xCB:
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
    case 0xF1:
      return {segment_handler(op, false), true};
    case 0x63:
    case 0xF4:
    case 0xFA:
    case 0xFB:
    case 0x9C:
    case 0x9D:
      return {system_handler(op, false), true};
    default:
      return {nullptr, true};
  }
}

// What came to the 0F map after the 386 and is no matter of the groups themselves.
bool has_two_byte_opcode(const CpuFacts& facts, uint8_t opcode) {
  if (opcode >= 0x40 && opcode <= 0x4F) return facts.has(FEATURE_CMOV);
  if (opcode >= 0xC8 && opcode <= 0xCF) return facts.has_trait(TRAIT_486);
  if (opcode >= 0x19 && opcode <= 0x1F) return facts.has_trait(TRAIT_P6);
  switch (opcode) {
    case 0x18:  // PREFETCH: hints of SSE in the space of the multi-byte NOPs
      return facts.has_trait(TRAIT_P6);
    case 0xB0:
    case 0xB1:
    case 0xC0:
    case 0xC1:
      return facts.has_trait(TRAIT_486);
    case 0xC7:
      return facts.has(FEATURE_CX8);
    default:
      return true;
  }
}

Choice two_byte_choice(Op& op, uint8_t mandatory_prefix, const CpuFacts& facts) {
  const uint8_t opcode = op.opcode;
  if (op.map != 1) return {sse_handler(op, mandatory_prefix, facts), false};
  if (!has_two_byte_opcode(facts, opcode)) return {nullptr, true};
  if (opcode >= 0x80 && opcode <= 0x8F) return {control_handler(op), true};
  if (Handler handler = two_byte_integer_handler(op)) return {handler, false};
  switch (opcode) {
    case 0xA0:
    case 0xA1:
    case 0xA8:
    case 0xA9:
    case 0xB2:
    case 0xB4:
    case 0xB5:
      return {segment_handler(op, true), true};
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x03:
    case 0x06:
    case 0x08:
    case 0x09:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x30:
    case 0x31:
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x35:
    case 0xA2:
      return {system_handler(op, true), true};
    default:
      return {sse_handler(op, mandatory_prefix, facts), false};
  }
}

}  // namespace

const Op* op_too_long(Interpreter& cpu, const Op*) {
  cpu.fault(VECTOR_GP, 0);
}

const Op* op_undefined(Interpreter& cpu, const Op*) {
  cpu.fault(VECTOR_UD);
}

DecodeResult decode_instruction(const uint8_t* bytes, uint32_t available, uint8_t mode, CpuModel model, Op& op) {
  const CpuFacts& facts = cpu_facts(model);
  std::memset(&op, 0, sizeof op);
  Bytes in(bytes, available < LONGEST_INSTRUCTION ? available : LONGEST_INSTRUCTION);
  const bool code32 = mode & OP_CODE32;
  bool operand_prefix = false, address_prefix = false, lock = false;
  int segment_override = -1;
  uint8_t repeat = 0, opcode = 0;
  op.base = op.index = NO_REGISTER;
  op.segment = DS;
  for (bool prefixes = true; prefixes && !in.missing();) {
    opcode = static_cast<uint8_t>(in.take(1));
    switch (opcode) {
      case 0x66:
        operand_prefix = true;
        break;
      case 0x67:
        address_prefix = true;
        break;
      case 0xF0:
        lock = true;
        break;
      case 0xF2:
        repeat = OP_REPNE;
        break;
      case 0xF3:
        repeat = OP_REP;
        break;
      case 0x26:
        segment_override = ES;
        break;
      case 0x2E:
        segment_override = CS;
        break;
      case 0x36:
        segment_override = SS;
        break;
      case 0x3E:
        segment_override = DS;
        break;
      case 0x64:
        segment_override = FS;
        break;
      case 0x65:
        segment_override = GS;
        break;
      default:
        prefixes = false;
        break;
    }
  }
  const bool two_byte = opcode == 0x0F;
  if (two_byte) opcode = static_cast<uint8_t>(in.take(1));
  op.map = two_byte ? 1 : 0;
  if (two_byte && (opcode == 0x38 || opcode == 0x3A) && facts.has(FEATURE_SSSE3)) {
    op.map = opcode == 0x38 ? 2 : 3;
    opcode = static_cast<uint8_t>(in.take(1));
  }
  op.opcode = opcode;
  op.operand_size = op.map < 2 && is_byte_operand(opcode, two_byte) ? 1 : code32 != operand_prefix ? 4 : 2;
  op.address_mask = code32 != address_prefix ? 0xFFFFFFFF : 0xFFFF;
  op.flags = static_cast<uint8_t>((mode & (OP_CODE32 | OP_STACK32)) | repeat |
                                  (op.address_mask == 0xFFFFFFFF ? OP_ADDRESS32 : 0) | (lock ? OP_LOCK : 0) |
                                  (operand_prefix ? OP_OPERAND_SIZE : 0));
  if (segment_override >= 0) op.segment = static_cast<uint8_t>(segment_override);
  const uint32_t wide = op.operand_size == 1 ? 1 : op.operand_size;
  const Form form = op.map == 3   ? MODRM_IMM8
                    : op.map == 2 ? MODRM
                    : two_byte    ? two_byte_form(opcode)
                                  : one_byte_form(opcode);
  if (form == MODRM || form == MODRM_IMM8 || form == MODRM_IMM8S || form == MODRM_IMMV)
    decode_modrm(in, op, segment_override);
  switch (form) {
    case IMM8:
    case MODRM_IMM8:
      op.imm = in.take(1);
      break;
    case IMM8S:
    case MODRM_IMM8S:
      op.imm = sign_extend(in.take(1), 1);
      break;
    case IMM16:
      op.imm = in.take(2);
      break;
    case IMMV:
    case MODRM_IMMV:
      op.imm = sign_extend(in.take(wide), wide);
      break;
    case REL8:
      op.imm = sign_extend(in.take(1), 1);
      break;
    case RELV:
      op.imm = sign_extend(in.take(op.operand_size == 2 ? 2 : 4), op.operand_size == 2 ? 2 : 4);
      break;
    case OFFSET:
      op.displacement = in.take(op.address_mask == 0xFFFF ? 2 : 4);
      break;
    case FAR:
      op.imm = in.take(op.operand_size == 2 ? 2 : 4);
      op.displacement = in.take(2);
      break;
    case ENTER:
      op.imm = in.take(2);
      op.displacement = in.take(1);
      break;
    default:
      break;
  }
  // TEST has an immediate where its group's neighbours have none.
  if (!two_byte && (opcode == 0xF6 || opcode == 0xF7) && (op.modrm >> 3 & 7) < 2)
    op.imm = sign_extend(in.take(wide), wide);

  // Registers that stand in the opcode, and accumulator forms.
  if (form == NONE || form == IMMV || form == IMM8) {
    op.reg = opcode & 7;
    if (!two_byte && opcode >= 0x40 && opcode <= 0x4F) op.rm = opcode & 7;
    if (!two_byte && opcode >= 0x91 && opcode <= 0x97) op.rm = EAX;
    if (!two_byte && (opcode == 0xA8 || opcode == 0xA9)) op.rm = EAX;
  }
  if (in.missing()) {
    if (in.taken() > LONGEST_INSTRUCTION || available >= LONGEST_INSTRUCTION) {
      op.fn = op_too_long;
      op.length = LONGEST_INSTRUCTION;
      return DecodeResult::ends_block;
    }
    return DecodeResult::needs_more;
  }
  op.length = static_cast<uint8_t>(in.taken());
  const uint8_t mandatory = repeat == OP_REP ? 0xF3 : repeat == OP_REPNE ? 0xF2 : operand_prefix ? 0x66 : 0;
  Choice choice = two_byte ? two_byte_choice(op, mandatory, facts) : one_byte_choice(op);
  if (lock && !may_lock(op, two_byte)) choice = {nullptr, true};
  op.fn = choice.handler;
  if (op.fn == nullptr) {
    op.fn = op_undefined;
    return DecodeResult::ends_block;
  }
  if (form == REL8 || form == RELV) op.map |= RELATIVE_BRANCH;
  return choice.ends_block ? DecodeResult::ends_block : DecodeResult::goes_on;
}

}  // namespace bancada
