#include "block_translator.h"

#include "../interpreter/block_cache.h"
#include "../interpreter/dispatch.h"
#include "../interpreter/interpreter.h"

namespace bancada {

namespace {

constexpr int BYTE_IMMEDIATE = 1;

}  // namespace

BlockTranslator::BlockTranslator(Translator& translator, Translation& translation, CodeWriter& code)
    : translator_(translator),
      cpu_(translator.cpu_),
      translation_(translation),
      block_(*translation.block),
      code_(code),
      kinds_(translation.kinds),
      in_window_((kinds_ & KINDS_WINDOW) && !block_.no_window) {}

void BlockTranslator::write() {
  // A block is begun only when all of it may run.
  const auto count = static_cast<int32_t>(block_.count);
  const uint8_t* const not_begun = code_.at();
  code_.lea(R13, {R13, HostMemory::NONE, 0, count}, 8);
  code_.move_constant64(R9, reinterpret_cast<uint64_t>(&make_exit(TranslationExit::Kind::budget)));
  code_.jump(translator_.leave_code_);
  code_.align(16);
  translation_.code = code_.at();
  code_.lea(R13, {R13, HostMemory::NONE, 0, -count}, 8);
  code_.shrx(RCX, R13, R15, 8);
  code_.jrcxz_back(not_begun);

  bool ended = false;
  for (uint32_t i = 0; i < block_.count && !ended && !code_.full(); ++i) {
    const Op& op = block_.ops[i];
    current_ = &op;
    start_ = code_.at();
    slow_exit_ = nullptr;
    if (undefined_ != 0 && reads_flags(op)) define_flags();
    if (i + 1u == block_.count) hand_x87_records_on();
    const Done done = instruction(op);
    note_flags(op, done);
    ended = done == Done::ended;
    if (done != Done::not_here) continue;
    if (i + 1u < block_.count) {
      hand_x87_records_on();
      call_interpreter(op);
      undefined_ = 0;
      x87_is_here_ = sse_is_here_ = false;
    } else {
      leave_at(op);
      translation_.leaves = true;
      ended = true;
    }
  }
  if (!ended) {
    define_flags();
    hand_x87_records_on();
    go_to(translation_.eip + block_.length);
  }
  write_cold();
  translation_.gone = code_.at();
  TranslationExit& gone = make_exit(TranslationExit::Kind::jump);
  code_.move_constant(R8, translation_.eip);
  code_.move_constant64(R9, reinterpret_cast<uint64_t>(&gone));
  code_.jump(translator_.leave_code_);
}

// -- Flags that the architecture leaves undefined: the interpreter clears them, hosts do as they like. The difference
// is made up for where they could be seen.

bool BlockTranslator::is_shift(const Op& op) {
  return (op.map & 0x7F) == 0 && (op.opcode == 0xC0 || op.opcode == 0xC1 || (op.opcode >= 0xD0 && op.opcode <= 0xD3));
}

bool BlockTranslator::reads_flags(const Op& op) const {
  const uint8_t opcode = op.opcode;
  const int extension = op.modrm >> 3 & 7;
  if ((op.map & 0x7F) == 1) {
    return (opcode >= 0x40 && opcode <= 0x4F) || (opcode >= 0x80 && opcode <= 0x9F);
  }
  if (opcode < 0x40) return (opcode >> 3 & 7) == 2 || (opcode >> 3 & 7) == 3;  // ADC, SBB
  if (opcode >= 0x80 && opcode <= 0x83) return extension == 2 || extension == 3;
  if (is_shift(op)) return extension == 2 || extension == 3 || opcode >= 0xD2;        // nothing changes when CL is 0
  if (opcode == 0xDA || opcode == 0xDB) return op.modrm >= 0xC0 && op.modrm <= 0xDF;  // FCMOVcc
  return (opcode >= 0x70 && opcode <= 0x7F) || opcode == 0x9F || opcode == 0xF5 || (opcode >= 0xE0 && opcode <= 0xE3) ||
         is_near_transfer(op);
}

bool BlockTranslator::is_near_transfer(const Op& op) {
  const int extension = op.modrm >> 3 & 7;
  return op.opcode == 0xC2 || op.opcode == 0xC3 || op.opcode == 0xE8 || op.opcode == 0xE9 || op.opcode == 0xEB ||
         (op.opcode == 0xFF && (extension == 2 || extension == 4));
}

void BlockTranslator::note_flags(const Op& op, Done done) {
  const uint8_t opcode = op.opcode;
  const int extension = op.modrm >> 3 & 7;
  if (done == Done::not_here) return;  // the call or the exit still needs to know
  if ((op.map & 0x7F) == 1) {
    if (opcode == 0xAF) undefined_ = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF;
    if (opcode == 0xBC || opcode == 0xBD) undefined_ = FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF;
    if ((opcode == 0xA4 || opcode == 0xAC) && (op.imm & 31) != 0) undefined_ = FLAG_AF;
    if (opcode == 0xA3 || opcode == 0xAB || opcode == 0xB3 || opcode == 0xBB || opcode == 0xBA) undefined_ &= ~FLAG_CF;
    if (opcode == 0xB0 || opcode == 0xB1 || opcode == 0xC0 || opcode == 0xC1) undefined_ = 0;
    if (opcode == 0x2E || opcode == 0x2F) undefined_ = 0;  // UCOMISx, COMISx
    return;
  }
  if (is_shift(op)) {
    const bool none = opcode >= 0xD2 || (opcode < 0xD0 && (op.imm & 31) == 0);
    if (!none) undefined_ = extension < 4 ? undefined_ & ~(FLAG_CF | FLAG_OF) : FLAG_AF;
    if (!none && extension == 5 && opcode < 0xD0 && (op.imm & 31) > 1) undefined_ |= FLAG_OF;
    return;
  }
  const bool arithmetic =
      (opcode < 0x40 && (opcode & 7) < 6) || (opcode >= 0x80 && opcode <= 0x85) || opcode == 0xA8 || opcode == 0xA9;
  if (arithmetic || (opcode & 0xFE) == CMPS || (opcode & 0xFE) == SCAS) undefined_ = 0;
  if ((opcode == 0xDB || opcode == 0xDF) && op.modrm >= 0xE8 && op.modrm <= 0xF7) undefined_ = 0;  // FCOMI and kin
  if ((opcode >= 0x40 && opcode <= 0x4F) || ((opcode == 0xFE || opcode == 0xFF) && extension < 2))
    undefined_ &= FLAG_CF;
  if (opcode == 0x69 || opcode == 0x6B) undefined_ = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF;
  if (opcode == 0x9E) undefined_ &= FLAG_OF;
  if (opcode == 0xF8 || opcode == 0xF9) undefined_ &= ~FLAG_CF;
  if (opcode == 0xF6 || opcode == 0xF7) {
    if (extension < 2 || extension == 3) undefined_ = 0;
    if (extension == 4 || extension == 5) undefined_ = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF;
  }
}

void BlockTranslator::define_flags() {
  clear_flags(undefined_);
  undefined_ = 0;
}

// Uses r10.
void BlockTranslator::clear_flags(uint32_t flags) {
  if (flags == 0) return;
  code_.move(R10, RAX);
  code_.byte(0x9F);  // LAHF
  if (flags & FLAG_OF) {
    code_.byte(0xB0);  // MOV AL, 0
    code_.byte(0);
  } else {
    code_.with_register(1, 0x90, 1, 0, RAX);  // SETO AL
  }
  code_.byte(0x80);  // AND AH, not the flags
  code_.byte(0xE4);
  code_.byte(static_cast<uint8_t>(~flags));
  code_.byte(0x04);  // ADD AL, 7Fh: OF from AL
  code_.byte(0x7F);
  code_.byte(0x9E);  // SAHF
  code_.move(RAX, R10);
}

BlockTranslator::Done BlockTranslator::instruction(const Op& op) {
  const int map = op.map & 0x7F;
  const Handler handler = &op == block_.ops ? block_.first : op.fn;
  if (handler == op_undefined || handler == op_too_long) return Done::not_here;
  if (map == 0 && op.opcode == 0x90 && !(op.flags & OP_LOCK)) return Done::yes;  // NOP, PAUSE
  if (map == 0) return (op.flags & (OP_REP | OP_REPNE)) && op.opcode != 0xC3 ? Done::not_here : one_byte(op);
  if (map == 1 && is_vector(op.opcode)) return vector(op);
  if (map == 1) return op.flags & (OP_REP | OP_REPNE) ? Done::not_here : two_byte(op);
  return Done::not_here;
}

BlockTranslator::Done BlockTranslator::one_byte(const Op& op) {
  const uint8_t opcode = op.opcode;
  const int extension = op.modrm >> 3 & 7;
  if (opcode < 0x40 && (opcode & 7) < 6) return arithmetic(op);
  if (opcode >= 0x40 && opcode <= 0x4F) {
    code_.with_register(0, 0xFF, op.operand_size, opcode < 0x48 ? 0 : 1, HOST_OF[opcode & 7]);
    return Done::yes;
  }
  if (opcode >= 0x50 && opcode <= 0x57) return push_register(op);
  if (opcode >= 0x58 && opcode <= 0x5F) return pop_register(op);
  if (opcode >= 0x70 && opcode <= 0x7F) return jump_if(op);
  if (opcode >= 0xB0 && opcode <= 0xBF) return move_immediate(op);
  if (opcode >= 0xD8 && opcode <= 0xDF) return x87(op);
  switch (opcode) {
    case 0x68:
    case 0x6A:
      return push_immediate(op);
    case 0x69:
      return same_opcode(op, 0, 0x69, false, op.operand_size);
    case 0x6B:
      return same_opcode(op, 0, 0x6B, false, BYTE_IMMEDIATE);
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
      return arithmetic_immediate(op);
    case 0x84:
    case 0x85:
      return same_opcode(op, 0, opcode, false);
    case 0x86:
    case 0x87:
      return same_opcode(op, 0, opcode, true);
    case 0x88:
    case 0x89:
      return same_opcode(op, 0, opcode, true);
    case 0x8A:
    case 0x8B:
      return same_opcode(op, 0, opcode, false);
    case 0x8D:
      return load_address(op);
    case 0x91:
    case 0x92:
    case 0x93:
    case 0x94:
    case 0x95:
    case 0x96:
    case 0x97:
      code_.with_register(0, 0x87, op.operand_size, RAX, HOST_OF[opcode & 7]);
      return Done::yes;
    case 0x98:  // CBW, CWDE
    case 0x99:  // CWD, CDQ
      if (op.operand_size == 2) code_.byte(0x66);
      code_.byte(opcode);
      return Done::yes;
    case 0x9E:  // SAHF
    case 0x9F:  // LAHF
    case 0xF5:  // CMC
    case 0xF8:  // CLC
    case 0xF9:  // STC
      code_.byte(opcode);
      return Done::yes;
    case 0xA0:
    case 0xA1:
    case 0xA2:
    case 0xA3:
      return move_offset(op);
    case MOVS:
    case MOVS + 1:
    case CMPS:
    case CMPS + 1:
    case STOS:
    case STOS + 1:
    case LODS:
    case LODS + 1:
    case SCAS:
    case SCAS + 1:
      return string(op);
    case 0xFC:  // CLD
    case 0xFD:  // STD
      return (opcode == 0xFD) == ((kinds_ & KINDS_BACKWARD) != 0) ? Done::yes : Done::not_here;
    case 0xA8:
    case 0xA9:
      code_.with_register(0, op.operand_size == 1 ? 0xF6 : 0xF7, op.operand_size, 0, RAX);
      op.operand_size == 1   ? code_.byte(static_cast<uint8_t>(op.imm))
      : op.operand_size == 2 ? code_.word(static_cast<uint16_t>(op.imm))
                             : code_.dword(op.imm);
      return Done::yes;
    case 0xC0:
    case 0xC1:
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
      return shift(op);
    case 0xC2:
    case 0xC3:
      return return_near(op);
    case 0xC6:
    case 0xC7:
      return group(op, 0, opcode, 0, true, op.operand_size);
    case 0xC9:
      return leave(op);
    case 0xE0:
    case 0xE1:
    case 0xE2:
    case 0xE3:
      return loop(op);
    case 0xE8:
      return call(op);
    case 0xE9:
    case 0xEB:
      return jump(op);
    case 0xF6:
    case 0xF7:
      if (extension < 2) return group(op, 0, opcode, 0, false, op.operand_size);
      if (extension < 4) return group(op, 0, opcode, extension, true);
      return extension < 6 ? group(op, 0, opcode, extension, false) : Done::not_here;  // DIV may fault
    case 0xFE:
      return extension < 2 ? group(op, 0, opcode, extension, true) : Done::not_here;
    case 0xFF:
      if (extension < 2) return group(op, 0, opcode, extension, true);
      if (extension == 2 || extension == 4) return jump_operand(op, extension == 2);
      return extension == 6 ? push_operand(op) : Done::not_here;
    default:
      return Done::not_here;
  }
}

BlockTranslator::Done BlockTranslator::two_byte(const Op& op) {
  const uint8_t opcode = op.opcode;
  const int extension = op.modrm >> 3 & 7;
  if (opcode >= 0x40 && opcode <= 0x4F) return same_opcode(op, 1, opcode, false);
  if (opcode >= 0x80 && opcode <= 0x8F) return jump_if(op);
  if (opcode >= 0x90 && opcode <= 0x9F) return group(op, 1, opcode, 0, true);
  if (opcode >= 0x18 && opcode <= 0x1F) return Done::yes;  // hints and NOPs, which touch no memory
  switch (opcode) {
    case 0xA3:  // with a bit offset in a register, memory operands reach beyond their address
    case 0xAB:
    case 0xB3:
    case 0xBB:
      return op.flags & OP_MEMORY ? Done::not_here : same_opcode(op, 1, opcode, true);
    case 0xBA:
      return extension < 4 ? Done::not_here : group(op, 1, opcode, extension, extension != 4, BYTE_IMMEDIATE);
    case 0xA4:
    case 0xAC:  // what 16-bit operands do with counts above 16 is the processor's own matter
      if (op.operand_size != 4) return Done::not_here;
      return same_opcode(op, 1, opcode, true, BYTE_IMMEDIATE);
    case 0xAE:  // fences: one processor sees its own memory in order
      return op.flags & (OP_MEMORY | OP_OPERAND_SIZE) || extension < 5 ? Done::not_here : Done::yes;
    case 0xAF:
    case 0xBC:
    case 0xBD:
      return same_opcode(op, 1, opcode, false);
    case 0xB0:
    case 0xB1:
    case 0xC0:
    case 0xC1:
      return same_opcode(op, 1, opcode, true);
    case 0xB6:
    case 0xB7:
    case 0xBE:
    case 0xBF:
      return extend(op);
    case 0xC3:
      return store_past_caches(op);
    case 0xC8:
    case 0xC9:
    case 0xCA:
    case 0xCB:
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF: {
      if (op.operand_size != 4) return Done::not_here;
      const int reg = HOST_OF[opcode & 7];
      if (reg >= 8) code_.byte(0x41);
      code_.byte(0x0F);
      code_.byte(static_cast<uint8_t>(0xC8 | (reg & 7)));
      return Done::yes;
    }
    default:
      return Done::not_here;
  }
}

// By the interpreter, between two translated instructions.
void BlockTranslator::call_interpreter(const Op& op) {
  translation_.calls.emplace_back(new Op[2]{op, Op{}});
  Op* const pair = translation_.calls.back().get();
  if (&op == block_.ops) pair->fn = block_.first;
  pair[1].fn = op_call_end;
  pair[1].extra = &translation_;
  pair[1].imm = undefined_;
  pair[1].offset = static_cast<uint16_t>(op.offset + op.length);
  pair[1].position = static_cast<uint8_t>(op.position + 1);
  code_.move_constant64(R9, reinterpret_cast<uint64_t>(pair));
  code_.call(translator_.call_code_);
  uint8_t* const goes_on = code_.jrcxz();
  code_.jump(translator_.leave_bare_code_);
  code_.land(goes_on);
}

// The block's last instruction is the interpreter's.
void BlockTranslator::leave_at(const Op& op) {
  code_.move_constant64(R9, reinterpret_cast<uint64_t>(&make_exit(TranslationExit::Kind::instruction, &op)));
  code_.jump(translator_.leave_code_);
}

TranslationExit& BlockTranslator::make_exit(TranslationExit::Kind kind, const Op* op) {
  translation_.exits.push_back({kind, &translation_, op});
  TranslationExit& exit = translation_.exits.back();
  if (kind == TranslationExit::Kind::instruction) {
    exit.clear = undefined_;
    exit.x87_last = x87_last_;
    exit.x87_last_memory = x87_last_memory_;
  }
  return exit;
}

uint8_t* BlockTranslator::jump_to_slow() {
  if (slow_exit_ == nullptr) slow_exit_ = &make_exit(TranslationExit::Kind::instruction, current_);
  uint8_t* const at = code_.at();
  cold_.push_back({code_.jump(), slow_exit_, false, 0});
  return at;
}

void BlockTranslator::write_cold() {
  for (const Cold& cold : cold_) {
    if (code_.full()) return;
    CodeWriter::aim(cold.jump, code_.at());
    if (cold.exit->kind == TranslationExit::Kind::link) {
      cold.exit->site = cold.jump;
      cold.exit->unlinked = code_.at();
    }
    if (cold.has_eip) code_.move_constant(R8, cold.eip);
    code_.move_constant64(R9, reinterpret_cast<uint64_t>(cold.exit));
    code_.jump(translator_.leave_code_);
  }
}

HostMemory BlockTranslator::place(const void* member) const {
  return {R15, HostMemory::NONE, 0, static_cast<int32_t>(static_cast<const uint8_t*>(member) - translator_.anchor_)};
}

// -- Operands ------------------------------------------------------------------------------------------------------

// Stores through CS are the interpreter's: in real mode alone they are none of a fault.
bool BlockTranslator::can_address(const Op& op, bool store) const {
  const unsigned segment = op.segment;
  if (segment == CS && (store || !(kinds_ & KINDS_CS_READABLE))) return false;
  return segment_kind(kinds_, segment) != SegmentKind::checked;
}

HostMemory BlockTranslator::guest_operand(const Op& op) {
  HostMemory memory;
  if (op.base < 8) memory.base = HOST_OF[op.base];
  if (op.index < 8) {
    memory.index = HOST_OF[op.index];
    memory.scale = op.scale;
  }
  memory.displacement = static_cast<int32_t>(op.displacement);
  return memory;
}

void BlockTranslator::effective_address(const Op& op, int to) {
  const HostMemory memory = guest_operand(op);
  if (memory.base == HostMemory::NONE && memory.index == HostMemory::NONE) {
    code_.move_constant(to, op.displacement & op.address_mask);
    return;
  }
  if (memory.index == HostMemory::NONE && memory.displacement == 0 && op.address_mask == 0xFFFFFFFF) {
    code_.move(to, memory.base);
    return;
  }
  code_.lea(to, memory);
  if (op.address_mask == 0xFFFF) code_.zero_extend16(to, to);
}

void BlockTranslator::may_miss() {
  if (slow_exit_ == nullptr) slow_exit_ = &make_exit(TranslationExit::Kind::instruction, current_);
  if (translation_.sites.empty() || translation_.sites.back().code != start_) {
    translation_.sites.push_back({start_, slow_exit_});
  }
}

void BlockTranslator::access(unsigned segment, int size, bool store, bool wide, bool aligned) {
  const SegmentKind kind = segment_kind(kinds_, segment);
  if ((segment == FS || segment == GS) && segment_kind(kinds_, CS) >= SegmentKind::whole) {
    code_.load_byte(RCX, place(&cpu_.translator_frame_.odd_segment[segment - FS]));
    uint8_t* const usual = code_.jrcxz();
    jump_to_slow();
    code_.land(usual);
  }
  // The first byte, and then the last, not beyond FFFFh.
  const auto check_small = [&](int offset) {
    code_.rorx(RCX, offset, 16);
    code_.zero_extend16(RCX, RCX);
    uint8_t* const inside = code_.jrcxz();
    jump_to_slow();
    code_.land(inside);
  };
  if (kind == SegmentKind::small && wide) check_small(R8);
  if (kind == SegmentKind::small && size > 1) {
    code_.lea(R9, {R8, HostMemory::NONE, 0, size - 1});
    check_small(R9);
  }
  if (kind != SegmentKind::flat) {
    code_.load(R9, place(&cpu_.state_.seg[segment].base));
    code_.lea(R8, {R8, R9, 0, 0});
  }
  if (in_window_) {
    may_miss();
    operand_ = {R8, HostMemory::NONE, 0, 0, true};
    return;
  }
  operand_ = {RCX, R8, 0, 0};
  uint8_t* found;
  if (aligned) {
    // The low four bits alone in a byte.
    code_.lea(RCX, {HostMemory::NONE, R8, 3, 0});
    code_.lea(RCX, {RCX, RCX, 0, 0});
    code_.with_register(1, 0xB6, 4, RCX, RCX);
    code_.shrx(R9, R8, R15, 4);
    found = code_.jrcxz();
  } else if (size > 1) {
    // Page offset in the top bits: adding the distance of the last byte carries when that is in another page.
    code_.rorx(R9, R8, 12);
    code_.lea(R9, {R9, HostMemory::NONE, 0, (size - 1) << 20}, 8);
    code_.shrx(RCX, R9, R14, 8);
    code_.shrx(R9, R8, R15, 4);
    found = code_.jrcxz();
  } else {
    code_.shrx(R9, R8, R15, 4);
    found = code_.jump_short();
  }
  const uint8_t* const slow = jump_to_slow();
  code_.land(found);
  code_.load(RCX, {R14, R9, 3, (store ? static_cast<int32_t>(HostPages::TABLE_BYTES) : 0) - 32}, 8);
  code_.jrcxz_back(slow);
}

void BlockTranslator::operand(const Op& op, int size, bool store, bool aligned, bool linear) {
  if (in_window_ && !linear && op.address_mask == 0xFFFFFFFF && is_flat(op.segment)) {
    may_miss();
    operand_ = guest_operand(op);
    operand_.in_window = true;
    return;
  }
  effective_address(op, R8);
  access(op.segment, size, store, op.address_mask != 0xFFFF, aligned);
}

void BlockTranslator::free_rcx() {
  if (operand_.base != RCX) return;
  code_.lea(R8, operand_, 8);
  operand_ = {R8, HostMemory::NONE, 0, 0};
}

bool BlockTranslator::can_use_stack() const {
  const SegmentKind kind = segment_kind(kinds_, SS);
  return kind >= SegmentKind::whole || (kind == SegmentKind::small && !(kinds_ & KINDS_STACK32));
}

// FS and GS are looked at where they are used, see access().
bool BlockTranslator::is_flat(unsigned segment) const {
  return segment < FS && segment_kind(kinds_, segment) == SegmentKind::flat;
}

void BlockTranslator::stack_operand(int below, int size, bool store) {
  if (in_window_ && (kinds_ & KINDS_STACK32) && is_flat(SS)) {
    may_miss();
    operand_ = {R12, HostMemory::NONE, 0, -below, true};
    return;
  }
  code_.lea(R8, {R12, HostMemory::NONE, 0, -below});
  if (!(kinds_ & KINDS_STACK32)) code_.zero_extend16(R8, R8);
  access(SS, size, store);
}

void BlockTranslator::move_stack(int by) {
  if (kinds_ & KINDS_STACK32) {
    code_.lea(R12, {R12, HostMemory::NONE, 0, by});
  } else {
    code_.lea(R9, {R12, HostMemory::NONE, 0, by});
    code_.with_register(0, 0x89, 2, R9, R12);
  }
}

int BlockTranslator::register_operand(int number, int size, int scratch) {
  if (!is_high(number, size)) return HOST_OF[number];
  code_.rorx(scratch, HOST_OF[number - 4], 8);
  return scratch;
}

void BlockTranslator::write_high(int number, int from) {
  const int reg = HOST_OF[number - 4];
  code_.rorx(reg, reg, 8);
  code_.with_register(0, 0x88, 1, from, reg);
  code_.rorx(reg, reg, 24);
}

}  // namespace bancada
